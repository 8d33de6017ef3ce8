"""Where a run ends: which of its limits it has reached, and the command that continues it beyond them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resume.checkpoints.run_config import part_of, settings_of
from resume.checkpoints.run_entry import RunEntry
from resume.commands import command_to_resume
from resume.system.output import plural, say, text

_UNLIMITED = -1  # Lightning's max_epochs and max_steps of a run without end
_STOPPED = ("early_stopping", "callback")  # the counts in a checkpoint do not show these ends
_EARLY_STOPPING = "EarlyStopping"


@dataclass(frozen=True)
class Limits:
    """What ends a run.

    Attributes:
        max_epochs: Epochs to train; None and -1 mean without end.
        max_steps: Optimizer steps to train; -1 means without end.
        callbacks: The configured callbacks, by `class_path` and `init_args`; any of them may stop the run.
        fixed_schedule: The class of a schedule that ends with the run, such as OneCycleLR; None if there is none.
    """

    max_epochs: int | None
    max_steps: int
    callbacks: tuple[dict[str, Any], ...] = ()
    fixed_schedule: str | None = None

    @classmethod
    def of(cls, config: str) -> "Limits":
        """The limits of a resolved configuration, which is YAML text."""
        settings = settings_of(config)
        trainer = part_of(settings, "trainer")
        callbacks = trainer.get("callbacks") or []
        found = callbacks if isinstance(callbacks, list) else [callbacks]
        schedule = _fixed_schedule(part_of(settings, "model", "init_args"))
        return cls(trainer.get("max_epochs"), trainer.get("max_steps", _UNLIMITED), tuple(found), schedule)

    def reached(self, run: RunEntry) -> list[str]:
        """Which of these limits the run has reached, in the words of `RunEntry.ended_by`."""
        done = run.epoch if run.epoch_done else run.epoch - 1
        reached = [run.ended_by] if run.ended_by in _STOPPED and self.stop_again(run) else []
        if self.max_steps != _UNLIMITED and run.global_step >= self.max_steps:
            reached.append("max_steps")
        if self.max_epochs not in (None, _UNLIMITED) and done >= (self.max_epochs or 0):
            reached.append("max_epochs")
        return reached

    def stop_again(self, run: RunEntry) -> bool:
        """Whether the callbacks that stopped the run, or may stop it, are no more patient than they were then."""
        before = Limits.of(run.config).callbacks
        early = [one for one in before if _is_early_stopping(one)]
        if run.ended_by == "early_stopping" and early:
            return all(any(_is_as_strict(now, then) for now in self.callbacks) for then in early)
        return before == self.callbacks

    def doubled(self, reached: list[str]) -> list[str]:
        """The flags that let a run go on beyond the limits that it has reached."""
        words = []
        if "early_stopping" in reached:
            words += ["--trainer.callbacks", json.dumps([one for one in map(_more_patient, self.callbacks) if one])]
        elif "callback" in reached:
            words += ["--trainer.callbacks", "null"]
        if "max_steps" in reached:
            words += ["--trainer.max_steps", str(2 * max(1, self.max_steps))]
        if "max_epochs" in reached:
            words += ["--max_epochs", str(2 * max(1, self.max_epochs or 1))]
        return words


def _fixed_schedule(model: dict[str, Any]) -> str | None:
    """The class of a schedule whose length is part of its settings."""
    schedule = part_of(model, "lr_scheduler")
    settings = part_of(schedule, "init_args")
    has_length = settings.get("total_steps") is not None or settings.get("steps_per_epoch") is not None
    return str(schedule.get("class_path")).rpartition(".")[2] if has_length else None


def _is_early_stopping(callback: dict[str, Any]) -> bool:
    return str(callback.get("class_path")).rpartition(".")[2] == _EARLY_STOPPING


def _is_as_strict(now: dict[str, Any], then: dict[str, Any]) -> bool:
    """Whether early stopping has the same settings, or differs only by less patience."""
    settings_now, settings_then = ({**(one.get("init_args") or {})} for one in (now, then))
    patience_now, patience_then = (settings.pop("patience", None) for settings in (settings_now, settings_then))
    same = (now.get("class_path"), settings_now) == (then.get("class_path"), settings_then)
    return same and (patience_now == patience_then or (patience_now or 0) < (patience_then or 0))


def _more_patient(callback: dict[str, Any]) -> dict[str, Any] | None:
    """Early stopping with twice the patience; None if it may have stopped for another reason."""
    if not _is_early_stopping(callback):
        return callback
    settings = callback.get("init_args") or {}
    thresholds = [settings.get("stopping_threshold"), settings.get("divergence_threshold")]
    if thresholds != [None, None]:
        return None
    return {**callback, "init_args": {**settings, "patience": 2 * max(1, settings.get("patience") or 1)}}


def is_finished(file: Path, run: RunEntry, config: str) -> bool:
    """Whether the run has nothing left to do, not even its last validation. If so, this is reported.

    Args:
        file: The checkpoint.
        run: Its run entry.
        config: The resolved configuration of this start, as YAML text.
    """
    limits = Limits.of(config)
    reached = limits.reached(run)
    lacks_validation = run.ended_by in reached and not run.finished
    if not reached or lacks_validation:
        return False
    said = text("This run is finished: {progress}; ended by {limits}. Nothing was changed.")
    names = ", ".join(map(limit_text, reached))
    way = way_beyond(text("To continue: {command}"), file, limits, reached)
    say(f"{said.format(progress=progress_text(run), limits=names)} {way}")
    return True


def way_beyond(said: str, file: Path, limits: Limits, reached: list[str]) -> str:
    """How a run goes on beyond the limits that it has reached.

    Args:
        said: What is said of the command line that does it, ready to paste; has a place for `{command}`.
        file: The checkpoint.
        limits: Those of the run.
        reached: Those that it has reached.
    """
    if limits.fixed_schedule is not None and not {"max_epochs", "max_steps"}.isdisjoint(reached):
        ends = text("It cannot go on: {schedule} has the length of this run.")
        return ends.format(schedule=limits.fixed_schedule)
    return said.format(command=command_to_resume(file, *limits.doubled(reached)))


def limit_text(name: str) -> str:
    """The name of a limit for people; `name` is one of `ENDED_BY`."""
    named = {"early_stopping": text("early stopping"), "callback": text("a callback")}
    return named.get(name, name)


def progress_text(run: RunEntry) -> str:
    """How far a run is: `2 epochs, 4 steps`, with the part of an epoch that is cut short."""
    done = run.epoch if run.epoch_done else run.epoch - 1
    words = [plural("{count} epoch", "{count} epochs", done)]
    if not run.epoch_done:
        part = text("{batch} of {batches} batches of epoch {epoch}")
        words.append(part.format(batch=run.batch, batches=run.batches_per_epoch, epoch=run.epoch))
    return ", ".join([*words, plural("{count} step", "{count} steps", run.global_step)])
