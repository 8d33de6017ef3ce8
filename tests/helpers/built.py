"""The configuration of a start with nothing open in it any more, and the parts that are built from it."""

from typing import Any

from launch.checks import check, load
from launch.cli import TrainCLI
from launch.facts import find_facts
from launch.first_look import FirstLook
from resume import Decision
from resume.arguments import Arguments
from resume.checkpoints.run_entry import RunEntry


def built_cli(args: list[str], **settings: Any) -> TrainCLI:
    """Parse, find the facts of the data, and build, as train.py does before its checks."""
    cli = TrainCLI(args, **settings)
    find_facts(cli, FirstLook())
    cli.build()
    return cli


def checked(cli: TrainCLI, arguments: Arguments, decision: Decision) -> RunEntry | None:
    """Load the checkpoint of a resume and check everything, in a process that looks for itself."""
    return check(cli, arguments, load(cli, decision), FirstLook())
