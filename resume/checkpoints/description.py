"""One checkpoint, described from inside without torch."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resume.checkpoints.paths import size_and_time
from resume.checkpoints.verification import read_run
from resume.run_files import Kind
from resume.system.errors import UnreadableError
from resume.system.launch_info import Job
from resume.system.output import text

NEVER = datetime.min.replace(tzinfo=UTC)
_LONGEST_METRIC = 200
_LONGEST_PATH = 32_767  # Windows; less elsewhere
_YEARS = range(1971, 9999)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, described from inside; of a damaged one, only path, kind, size and damage are known.

    Attributes:
        epoch: The epoch last worked on, counted from 1.
        epoch_done: Whether that epoch was complete.
        batch: Batches done in that epoch.
        score: The monitored metric at this save.
        saved_at: When it was saved, in UTC; the file's own time changes when it is copied.
        config: The run's resolved configuration as YAML text.
        job: The scheduler's job that saved it.
        damage: Why it cannot be used; None if it is sound.
    """

    path: Path
    kind: Kind
    size: int
    damage: str | None = None
    mtime_ns: int = 0
    run_id: str = ""
    global_step: int = 0
    epoch: int = 0
    epoch_done: bool = True
    batch: int = 0
    batches_per_epoch: int = 0
    max_epochs: int = 0
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

    @property
    def age_key(self) -> tuple[int, datetime]:
        """Sorts the checkpoints of one run from the oldest to the newest."""
        return self.global_step, self.saved_at

    @property
    def epochs_done(self) -> float:
        """Complete epochs, and the part that is done of the one begun."""
        if self.epoch_done:
            return float(self.epoch)
        return self.epoch - 1 + self.batch / max(self.batches_per_epoch, self.batch, 1)


def describe(path: Path, kind: Kind = "other") -> Checkpoint:
    """Describe a checkpoint. Whatever is wrong with it stands in `damage`; nothing is raised."""
    try:
        size, mtime_ns = size_and_time(path)  # before reading: what changes meanwhile has changed
        return Checkpoint(path, kind, size, mtime_ns=mtime_ns, **_facts(read_run(path)))
    except OSError as error:
        return Checkpoint(path, kind, 0, damage=error.strerror or type(error).__name__)
    except UnreadableError as error:
        return Checkpoint(path, kind, size, damage=str(error))


def has_changed(found: Checkpoint) -> bool:
    """Whether a sound checkpoint is another file than it was when it was described, or gone."""
    try:
        return size_and_time(found.path) != (found.size, found.mtime_ns)
    except OSError:
        return True


def _facts(run: dict[str, Any]) -> dict[str, Any]:
    """The entries of `run` that are used, each of the right type.

    Raises:
        UnreadableError: An entry is missing or of another type.
    """
    try:
        data = run["data"]
        return {
            "run_id": _as(run, "run_id", str),
            "global_step": _as(run, "global_step", int),
            "epoch": _as(run, "epoch", int),
            "epoch_done": _as(run, "epoch_done", bool),
            "batch": _as(run, "batch", int),
            "batches_per_epoch": _as(run, "batches_per_epoch", int),
            "max_epochs": _as(run, "max_epochs", int),
            "finished": _as(run, "finished", bool),
            "monitor": _short(run, "monitor", _LONGEST_METRIC, str),
            "score": _as(run, "score", int, float, type(None)),
            "best_epoch": _as(run, "best_epoch", int, type(None)),
            "best_step": _as(run, "best_step", int, type(None)),
            "saved_at": _moment(_as(run, "saved_at", str)),
            "image_path": _short(data, "image_path", _LONGEST_PATH, str, type(None)),
            "gt_path": _short(data, "gt_path", _LONGEST_PATH, str, type(None)),
            "config": _as(run, "config", str),
            "job": _job(run.get("job")),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(text("wrong or missing entry: {entry}").format(entry=error)) from error


def _as(values: dict[str, Any], key: str, *types: type) -> Any:
    value = values[key]
    if type(value) not in types:
        raise TypeError(key)
    return value


def _short(values: dict[str, Any], key: str, longest: int, *types: type) -> Any:
    """A text that is shown as a whole."""
    value = _as(values, key, *types)
    if value is not None and len(value) > longest:
        raise ValueError(key)
    return value


def _job(entry: Any) -> Job | None:
    if entry is None:
        return None
    return Job(_as(entry, "name", str), _as(entry, "restarts", int), _as(entry, "ckpt_path", str, type(None)))


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    if moment.year not in _YEARS:  # beside them, a moment has no local time on every system
        raise ValueError(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
