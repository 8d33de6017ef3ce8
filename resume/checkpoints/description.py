"""What the menu and the commands know about one checkpoint, read without torch and without opening a pickle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from resume.checkpoints.paths import size_and_time
from resume.checkpoints.run_entry import NEVER, RunEntry
from resume.checkpoints.verification import ForeignError, nan_at_a_glance, read_run
from resume.run_files import Kind
from resume.system.errors import UnreadableError
from resume.system.launch_info import Job


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint and what its run entry says; of a damaged one, only path, kind, size and damage are known.

    Attributes:
        mtime_ns: When the file was changed last.
        damage: Why the checkpoint cannot be used; None if it is usable as far as its run entry tells.
        is_foreign: Whether it cannot be used because this program has not written it.

    The other attributes are those of `RunEntry` and of its `data`.
    """

    path: Path
    kind: Kind
    size: int
    damage: str | None = None
    is_foreign: bool = False
    mtime_ns: int = 0
    run_id: str = ""
    global_step: int = 0
    epoch: int = 0
    epoch_done: bool = True
    batch: int = 0
    batches_per_epoch: int = 0
    max_epochs: int = 0
    ended_by: str = ""
    finished: bool = False
    monitor: str = ""
    score: float | None = None
    best_epoch: int | None = None
    best_step: int | None = None
    saved_at: datetime = NEVER
    image_path: str | None = None
    gt_path: str | None = None
    config: str = ""
    job: Job | None = None
    loggers: Mapping[str, str] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    signature: str = ""

    @property
    def age_key(self) -> tuple[int, datetime]:
        """Sorts the checkpoints of one run from the oldest to the newest."""
        return self.global_step, self.saved_at

    @property
    def epochs_done(self) -> float:
        """Complete epochs, plus the part of the current epoch that is done."""
        if self.epoch_done:
            return float(self.epoch)
        return self.epoch - 1 + self.batch / max(self.batches_per_epoch, self.batch, 1)


_SHOWN = (
    "run_id",
    "global_step",
    "epoch",
    "epoch_done",
    "batch",
    "batches_per_epoch",
    "max_epochs",
    "ended_by",
    "finished",
    "monitor",
    "score",
    "best_epoch",
    "best_step",
    "saved_at",
    "config",
    "job",
    "loggers",
    "trusted",
    "signature",
)


def describe(path: Path, kind: Kind = "other") -> Checkpoint:
    """Describe a checkpoint. Whatever is wrong with it is in `damage`; nothing is raised."""
    try:
        size, mtime_ns = size_and_time(path)  # before reading, so that a later change is noticed
        run = read_run(path)
        nan = nan_at_a_glance(path)
        if nan is not None:
            return Checkpoint(path, kind, size, mtime_ns=mtime_ns, damage=nan)
        return Checkpoint(path, kind, size, mtime_ns=mtime_ns, **_shown(run))
    except OSError as error:
        return Checkpoint(path, kind, 0, damage=error.strerror or type(error).__name__)
    except UnreadableError as error:
        return Checkpoint(path, kind, size, damage=str(error), is_foreign=isinstance(error, ForeignError))


def _shown(run: RunEntry) -> dict[str, Any]:
    shown = {name: getattr(run, name) for name in _SHOWN}
    return {**shown, "image_path": run.data.image_path, "gt_path": run.data.gt_path}


def has_changed(found: Checkpoint) -> bool:
    """Whether the file of a described checkpoint has been changed or removed since."""
    try:
        return size_and_time(found.path) != (found.size, found.mtime_ns)
    except OSError:
        return True
