"""How training is stopped, as exceptions that Lightning passes on."""

from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from resume.system.output import ExplainedError, text
from resume.system.signals import Stopped, in_slurm_job

_NO_SIGNAL = 0


class TrainingInterrupted(Stopped):
    """A signal stopped training, and the run is saved.

    Attributes:
        is_by_time: Whether no signal came, but the time of this start is used up.
        saved: The file that holds the run as it was stopped; None if this start has made no step.
        epoch: The current epoch, counted from 1.
        max_epochs: Epochs asked for.
        global_step: Optimizer steps done.
    """

    is_by_time: ClassVar[bool] = False

    def __init__(self, signum: int, saved: Path | None, epoch: int, max_epochs: int | None, global_step: int) -> None:
        super().__init__(signum)
        self.saved = saved
        self.epoch = epoch
        self.max_epochs = max_epochs
        self.global_step = global_step


class TimeIsUp(TrainingInterrupted):
    """The time that one start may train is used up, and the run is saved; no signal, and no failure."""

    is_by_time: ClassVar[bool] = True

    def __init__(self, saved: Path, epoch: int, max_epochs: int | None, global_step: int) -> None:
        super().__init__(_NO_SIGNAL, saved, epoch, max_epochs, global_step)

    @property
    @override
    def exit_code(self) -> int:
        return 0


class TrainingStalled(TrainingInterrupted):
    """A signal came, and neither a step nor a save made progress. Raised anywhere; `Interrupt` saves what it can."""

    def __init__(self, signum: int, epoch: int, max_epochs: int | None, global_step: int) -> None:
        super().__init__(signum, None, epoch, max_epochs, global_step)


class SaveFailedError(ExplainedError):
    """A run that was stopped could not be saved; the message says why."""

    exit_code: ClassVar[int] = 1


def save_failed(path: Path, reason: str) -> SaveFailedError:
    """The error about a file that could not be saved."""
    said = text("{file} could not be saved ({reason}): the steps since the last save are lost.")
    return SaveFailedError(said.format(file=path, reason=reason))


def stopping_line() -> str:
    """What the first signal says."""
    if in_slurm_job():
        return text("Stopping after this step, then saving ... (Ctrl+C: end at once, without saving)")
    return text("Stopping after this step, then saving ... (once more: end at once, without saving)")
