"""Checkpoints that anybody may have written: whole by their checksums, with other content than the program's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from callbacks import AtomicCheckpointIO
from resume.checkpoints.verification import read_run


def forge(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write a checkpoint again after `change` has changed its content, with its run entry as `run`."""
    content = {**torch.load(path, weights_only=True), "run": read_run(path)}
    change(content)
    AtomicCheckpointIO().save_checkpoint(content, path)
