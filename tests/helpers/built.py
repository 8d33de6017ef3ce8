"""The configuration of a start with nothing open in it any more, and the parts that are built from it."""

from typing import Any

from launch.cli import TrainCLI
from launch.facts import find_facts
from resume.system.launch_info import SHELL


def built_cli(args: list[str], **settings: Any) -> TrainCLI:
    """Parse, find the facts of the data, and build, as train.py does before its checks."""
    cli = TrainCLI(args, **settings)
    find_facts(cli, SHELL)
    cli.build()
    return cli
