"""The run entry of a checkpoint: which run it belongs to, how far that run was, and what it was trained with."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from resume.system.errors import UnreadableError
from resume.system.launch_info import Job
from resume.system.output import text

NEVER = datetime.min.replace(tzinfo=UTC)
LARGEST_INTEGER = 2**63
_LONGEST_NAME = 200
_LONGEST_PATH = 32_767  # of Windows; other systems allow less
_MOST_NAMES = 10_000
_YEARS = range(1971, 9999)  # outside of these, a time has no local time on every system
_MODES = ("min", "max")
# Why training ended; empty while it goes on. Of several reasons that meet, the first.
ENDED_BY = ("", "early_stopping", "callback", "max_steps", "max_epochs")
_SCORES = ("score", "best_score")
# What a checkpoint of an earlier version lacks.
_ADDED: dict[str, Any] = {"loggers": {}, "trusted": [], "signature": ""}


@dataclass(frozen=True)
class ResumedFrom:
    """The checkpoint that a run was resumed from.

    Attributes:
        run_id: The run of that checkpoint.
        file: Its path, as it was typed or shown.
        global_step: Its optimizer steps.
    """

    run_id: str
    file: str
    global_step: int


@dataclass(frozen=True)
class DataPaths:
    """Where the data come from; an `image_path` of None means the built-in sample set."""

    image_path: str | None
    gt_path: str | None
    val_image_path: str | None = None
    val_gt_path: str | None = None


@dataclass(frozen=True)
class RunEntry:
    """What a checkpoint says about its run.

    Attributes:
        run_id: The name of the run; a fresh start makes one, and every resume keeps it.
        data: Where the data come from.
        config: The resolved configuration as YAML text.
        resumed_from: The checkpoint that this start resumed from; None after a fresh start.
        saved_at: When the checkpoint was saved, in UTC. The time of the file changes when the file is copied.
        epoch: The epoch last worked on, counted from 1.
        epoch_done: Whether that epoch is complete.
        batch: Batches done in that epoch.
        batches_per_epoch: Batches of an epoch; 0 if unknown.
        global_step: Optimizer steps done.
        max_epochs: Epochs asked for; -1 for a run without end.
        ended_by: Which limit ended training with the last step, one of `ENDED_BY`; the epoch may have batches left.
        finished: Whether training has ended, and the last step is validated.
        monitor: The metric that decides which model is the best.
        mode: Whether the highest (`max`) or the lowest (`min`) value is the best.
        score: The metric at the last validation; None if there was none, or if it was not finite.
        best_score: The best value so far; None as for `score`.
        best_epoch: The epoch of the best value, counted from 1.
        best_step: The optimizer steps at the best value.
        class_mapping: Value in the ground truth, as text, to class id.
        versions: Of the packages that compute.
        machine: What else the result depends on bit for bit: device, processes, threads, instructions.
        git_commit: The commit of the program; None outside of a git checkout.
        job: The scheduler's job that saved the checkpoint; None outside of a job.
        loggers: Logger to the id or version under which it logs the run.
        trusted: The class paths in the configuration that a user has vouched for.
        signature: Proof that this user's program has written the configuration; empty if there was no key.
    """

    run_id: str
    data: DataPaths
    config: str
    resumed_from: ResumedFrom | None = None
    saved_at: datetime = NEVER
    epoch: int = 0
    epoch_done: bool = False
    batch: int = 0
    batches_per_epoch: int = 0
    global_step: int = 0
    max_epochs: int = 0
    ended_by: str = ""
    finished: bool = False
    monitor: str = ""
    mode: str = "max"
    score: float | None = None
    best_score: float | None = None
    best_epoch: int | None = None
    best_step: int | None = None
    class_mapping: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    job: Job | None = None
    loggers: Mapping[str, str] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    signature: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values that JSON can hold; scores that are not finite become None."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in _SCORES:
            values[name] = None if values[name] is None or not math.isfinite(values[name]) else values[name]
        for name in ("class_mapping", "versions", "machine", "loggers"):
            values[name] = dict(values[name])
        return values | {
            "data": asdict(self.data),
            "trusted": list(self.trusted),
            "resumed_from": None if self.resumed_from is None else asdict(self.resumed_from),
            "saved_at": self.saved_at.isoformat(timespec="microseconds"),
            "job": None if self.job is None else self.job._asdict(),
        }

    @classmethod
    def from_dict(cls, values: Any) -> "RunEntry":
        """The entry that `to_dict` has described.

        Args:
            values: From a file that anybody may have written: every value is checked.

        Raises:
            UnreadableError: A value is missing, unknown, or of the wrong type, length or range.
        """
        if type(values) is dict:
            values = {**_ADDED, **values}
        entry = _Values(values, {one.name for one in fields(cls)})
        return cls(
            run_id=entry.string("run_id"),
            data=_data(entry.part("data", DataPaths)),
            config=entry.string("config", longest=None),
            resumed_from=_resumed_from(entry.optional_part("resumed_from", ResumedFrom)),
            saved_at=entry.time("saved_at"),
            epoch=entry.count("epoch"),
            epoch_done=entry.truth("epoch_done"),
            batch=entry.count("batch"),
            batches_per_epoch=entry.count("batches_per_epoch"),
            global_step=entry.count("global_step"),
            max_epochs=entry.count("max_epochs", least=-1),
            ended_by=entry.choice("ended_by", ENDED_BY),
            finished=entry.truth("finished"),
            monitor=entry.string("monitor"),
            mode=entry.choice("mode", _MODES),
            score=entry.score("score"),
            best_score=entry.score("best_score"),
            best_epoch=entry.optional_count("best_epoch"),
            best_step=entry.optional_count("best_step"),
            class_mapping=entry.mapping("class_mapping", int),
            versions=entry.mapping("versions", str),
            machine=entry.mapping("machine", str),
            git_commit=entry.optional_string("git_commit", _LONGEST_NAME),
            job=_job(entry.optional_part("job", Job)),
            loggers=entry.mapping("loggers", str),
            trusted=entry.texts("trusted", _MOST_NAMES, _LONGEST_PATH),
            signature=entry.string("signature"),
        )


def _data(paths: "_Values") -> DataPaths:
    return DataPaths(**{one.name: paths.optional_string(one.name, _LONGEST_PATH) for one in fields(DataPaths)})


def _resumed_from(part: "_Values | None") -> ResumedFrom | None:
    if part is None:
        return None
    return ResumedFrom(part.string("run_id"), part.string("file", _LONGEST_PATH), part.count("global_step"))


def _job(part: "_Values | None") -> Job | None:
    if part is None:
        return None
    name, ckpt_path = part.string("name", _LONGEST_PATH), part.optional_string("ckpt_path", _LONGEST_PATH)
    return Job(name, part.count("restarts"), ckpt_path)


class _Values:
    """A dict from a file, whose values are taken out one by one, each checked.

    Args:
        values: What the file says.
        names: The keys that it must have, all of them and no other.
        place: Where the dict is in the file, as a prefix for messages.
    """

    def __init__(self, values: Any, names: set[str], place: str = "") -> None:
        if type(values) is not dict:
            raise _wrong(place.rstrip(".") or "run")
        different = sorted(values.keys() ^ names)
        if different:
            raise _wrong(place + different[0])
        self._values = values
        self._place = place

    def _wrong(self, name: str) -> UnreadableError:
        return _wrong(self._place + name)

    def string(self, name: str, longest: int | None = _LONGEST_NAME) -> str:
        value = self._values[name]
        if type(value) is not str or (longest is not None and len(value) > longest):
            raise self._wrong(name)
        return value

    def optional_string(self, name: str, longest: int) -> str | None:
        return None if self._values[name] is None else self.string(name, longest)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.string(name)
        if value not in choices:
            raise self._wrong(name)
        return value

    def truth(self, name: str) -> bool:
        value = self._values[name]
        if type(value) is not bool:
            raise self._wrong(name)
        return value

    def count(self, name: str, least: int = 0) -> int:
        value = self._values[name]
        if type(value) is not int or not least <= value <= LARGEST_INTEGER:
            raise self._wrong(name)
        return value

    def optional_count(self, name: str) -> int | None:
        return None if self._values[name] is None else self.count(name)

    def score(self, name: str) -> float | None:
        value = self._values[name]
        if value is None:
            return None
        if type(value) is int and abs(value) <= LARGEST_INTEGER:  # as other programs write 1.0
            return float(value)
        if type(value) is not float or not math.isfinite(value):
            raise self._wrong(name)
        return value

    def time(self, name: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.string(name))
        except ValueError as error:
            raise self._wrong(name) from error
        if moment.year not in _YEARS or moment.tzinfo is None:
            raise self._wrong(name)
        return moment.astimezone(UTC)

    def mapping(self, name: str, of: type) -> dict[str, Any]:
        values = self._values[name]
        if type(values) is not dict or any(type(value) is not of for value in values.values()):
            raise self._wrong(name)
        if any(len(said) > _LONGEST_NAME for said in (*values, *values.values()) if isinstance(said, str)):
            raise self._wrong(name)
        return values

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        values = self._values[name]
        if type(values) is not list or len(values) > most:
            raise self._wrong(name)
        if any(type(value) is not str or len(value) > longest for value in values):
            raise self._wrong(name)
        return tuple(values)

    def part(self, name: str, form: type) -> "_Values":
        """The dict within the dict that has the attributes of `form` as its keys."""
        return _Values(self._values[name], set(form.__annotations__), f"{self._place}{name}.")

    def optional_part(self, name: str, form: type) -> "_Values | None":
        return None if self._values[name] is None else self.part(name, form)


def _wrong(name: str) -> UnreadableError:
    return UnreadableError(text("wrong or missing entry: {entry}").format(entry=name[:_LONGEST_NAME]))
