"""The end of a resume because a state in its checkpoint is not what the part that saves it would have written."""

import traceback
from pathlib import Path
from types import FrameType

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.connectors import checkpoint_connector

from launch.loading import CheckpointError
from resume.checkpoints.newest import refusal
from resume.system.output import ExplainedError, brief, one_line, text

# An error in code of the user's own keeps its traceback, which the user needs.
_KNOWN_CODE = {"callbacks", "datamodules", "launch", "lit_modules", "lightning", "torch"}
_OF_CONTENT = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def restore_error(error: Exception, path: Path) -> CheckpointError | None:
    """The message for an error that came up while a checkpoint was being restored; None if it is another one.

    Args:
        error: What ended `Trainer.fit`.
        path: The checkpoint.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    module = _module(frames[-1])
    if isinstance(error, ExplainedError) or module.partition(".")[0] not in _KNOWN_CODE:
        return None
    is_late = isinstance(error, _OF_CONTENT) and any(map(_uses_what_was_restored, frames))
    if not (is_late or any(map(_restores, frames))):
        return None
    reason = text("its state cannot be restored ({reason}, in {place})")
    return CheckpointError(refusal(path, reason.format(reason=one_line(brief(error)), place=module)))


def _restores(frame: FrameType) -> bool:
    is_named_so = frame.f_code.co_name.lstrip("_").startswith(("restore", "resume"))
    return is_named_so and _module(frame) == checkpoint_connector.__name__


def _uses_what_was_restored(frame: FrameType) -> bool:
    """Whether this is the hook of a part of the program in which it takes the restored counts and settings into use."""
    is_hook = frame.f_code.co_name == Callback.on_train_start.__name__
    return is_hook and _module(frame).partition(".")[0] in _KNOWN_CODE


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name
