"""What a start would use of the configuration of a run in `checkpoints`, which somebody else may have written."""

import sys
from typing import Any

import pytest
import yaml

import resume
from launch.trust import TrustError, settle
from resume.decision import Resume
from resume.system.errors import ResumeError
from resume.system.launch_info import Launch

NETWORK: dict[str, Any] = {
    "class_path": "third.party.Net",
    "init_args": {"width": 3, "encoder": "resnet50.a1_in1k", "encoder_weights": "imagenet", "act": None},
}
PRINTS: dict[str, Any] = {
    "class_path": "lightning.pytorch.callbacks.LambdaCallback",
    "init_args": {"setup": "builtins.print"},
}
EVIL = {"class_path": "evil.Thing"}


def settled(*argv: str) -> dict[str, Any]:
    """The configuration with which the parser would begin a resume."""
    arguments = resume.read_arguments(["--lang=en", "--ckpt_path=latest", *argv], Launch.from_environment())
    decided = settle(arguments, resume.choose(arguments))
    assert isinstance(decided.decision, Resume)
    (config,) = decided.configs
    read: dict[str, Any] = yaml.safe_load(config)
    assert not {"evil", "third"} & sys.modules.keys()
    return read


def refusal(*argv: str) -> str:
    # What this program never writes is refused as soon as it is read.
    with pytest.raises((TrustError, ResumeError)) as error:
        settled(*argv)
    assert not {"evil", "third"} & sys.modules.keys()
    return str(error.value)


def without_folder(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "checkpoint_dir"}
