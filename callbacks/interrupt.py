"""Stopping: the first signal saves the run and ends it at the next step boundary, the second ends it at once."""

import math
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging
from lightning.pytorch.loops.progress import _ProcessedTracker
from lightning.pytorch.strategies import DDPStrategy
from typing_extensions import override

from callbacks.boundary import (
    Boundary,
    ends_here,
    epoch_has_ended,
    epoch_of,
    is_cut_short,
    is_extra_validation,
    is_step_boundary,
)
from callbacks.checkpoint_io import UnresumableError, save_alone, save_together
from callbacks.consensus import Consensus
from callbacks.finding import callbacks_of
from callbacks.finite_weights import NotFiniteError
from callbacks.last_points import log_last_points
from callbacks.print_line import print_line
from callbacks.set_aside import set_aside_of
from callbacks.stalled_end import Report, StalledEnd
from callbacks.stops import SaveFailedError, TimeIsUp, TrainingInterrupted, TrainingStalled, save_failed, stopping_line
from resume.run_files import INTERRUPTED, LATEST
from resume.system.exit_now import exit_now
from resume.system.output import brief, is_silent, text
from resume.system.signals import counts, leave_dead_terminal, listen
from resume.system.worker_processes import kill_workers

# What the processes agree on: nothing, or the time, or else a signal, which comes before the time.
_TIME_IS_UP = 1
_FIRST_SIGNAL = 2


class Interrupt(Checkpoint):
    """Writes `interrupted_checkpoint.pth` when a signal, the clock or an exception stops training.

    A signal only sets a flag. The callback acts on it when nothing is half done: after an optimizer step; after a batch
    of a validation, which the resumed run repeats; or, after the last step of an epoch, once the files of the epoch are
    written. When the time is used up, it acts at the same moments, but lets a validation end: the resumed run would
    begin that anew, and get no further than this one if a validation took all of its time. At least one step is made.
    After an exception, the last state in which nothing was half done is saved, and so it is if a signal came and no
    progress is made (`StalledEnd`). This is a `Checkpoint` because Lightning calls those after all other callbacks, in
    their order: listed last, it finds the epoch's files written.

    Args:
        dirpath: Folder of the run's files.
        max_seconds: How long each start may train, its validations and the sanity check included; None: no limit.
        report: Prints what a stop has saved, where the program cannot end by itself; returns the exit code.
    """

    def __init__(
        self,
        dirpath: str,
        max_seconds: float | None = None,
        report: Report = lambda stop: stop.exit_code,
    ) -> None:
        self.path = Path(dirpath) / INTERRUPTED
        self.max_seconds = math.inf if max_seconds is None else max_seconds
        self._end = math.inf
        self._report = report
        self._received = 0
        self._stalled_end: StalledEnd | None = None
        self._consensus: Consensus | None = None
        self._in_training = False
        self._boundary: Boundary | None = None
        self._in_step = False
        self._stepped = False  # an optimizer step since the boundary
        self._in_validation = False

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._end = time.monotonic() + self.max_seconds

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not earlier: Lightning notes the handlers before this, sets its own, and restores those that it noted.
        listen(self._on_signal)
        self._in_training = True
        # A signal may reach one process only, but all must stop at the same step.
        self._consensus = Consensus(trainer.strategy)
        self._boundary = Boundary(trainer, pl_module)
        self._stalled_end = StalledEnd(trainer, lambda: self._save_boundary(trainer, pl_module), self._report)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._in_step = True
        self._beat()

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        assert self._stalled_end is not None
        with self._stalled_end.saving:  # the thread that has this lock saves, and ends the program
            self._stepped = True

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._beat()
        # With accumulated gradients, several batches are one step.
        self._in_step = (batch_idx + 1) % trainer.accumulate_grad_batches != 0 and not trainer.is_last_batch
        if is_step_boundary(trainer, batch_idx):
            self._pass_boundary(trainer, pl_module)

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_validation = True
        if self._consensus is not None:
            self._consensus.exchange_next()
        total = trainer.fit_loop.epoch_loop.val_loop.batch_progress.total
        assert isinstance(total, _ProcessedTracker)
        # After a resume in a validation, Lightning resets the current count but not this one.
        total.ready = total.started = total.completed

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._beat()
        if self._in_training and not self._in_step:
            self._stop_if_agreed(trainer, pl_module, self._asked_by_signal())

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_validation = False

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only in mid-epoch: after the last validation of an epoch, the epoch's files come first.
        if self._in_training and not trainer.is_last_batch and not is_extra_validation(trainer):
            self._pass_boundary(trainer, pl_module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not is_cut_short(trainer):
            self._pass_boundary(trainer, pl_module)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_training = False
        if self._stalled_end is not None:
            self._stalled_end.close()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save the last whole state before an error; after a signal, the state is saved already or cannot be saved."""
        kill_workers()  # the end of another one would be an error within the save
        if self._stalled_end is None:  # before training
            return
        with self._stalled_end.saving:
            if isinstance(exception, TrainingStalled):
                exception.saved = self._save_boundary(trainer, pl_module)
                self._stalled_end.end_children()
            elif not isinstance(exception, TrainingInterrupted | SaveFailedError | NotFiniteError | UnresumableError):
                self._save_before_failure(trainer, pl_module)
        self._stalled_end.close()
        # Lightning tears down the loop that failed only: after a stop in a validation, the loader of training still has
        # its queues. Python would free them in any order, and a thread could write into a file that is closed, or into
        # another one that has got its number since.
        trainer.fit_loop.teardown()

    def _save_before_failure(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._is_saved_in_latest(trainer):
            return
        waiting = set_aside_of(trainer)
        if waiting is not None and waiting.waits:
            said = text("Training failed before its first save: its steps ({steps}) are not kept.")
            print_line(trainer, said.format(steps=trainer.global_step))
            return
        try:
            if self._save_boundary(trainer, pl_module) is None:
                return
            said = text("Training failed. All steps before that ({steps}) are saved in {file}.")
            said = said.format(steps=trainer.global_step, file=self.path)
        except NotFiniteError:
            said = text("Training failed, and its weights are not finite: they were not saved.")
        except Exception as error:  # noqa: BLE001 - whatever it is, the error that training failed with is raised
            failure = error if isinstance(error, SaveFailedError) else save_failed(self.path, brief(error))
            said = text("Training failed, and {error}").format(error=failure)
        print_line(trainer, said)

    def _is_saved_in_latest(self, trainer: Trainer) -> bool:
        """Whether all that was trained is saved, because only the validation of the last step is missing."""
        return (self._in_validation and is_extra_validation(trainer)) or (
            epoch_has_ended(trainer) and is_cut_short(trainer)
        )

    def _save_boundary(self, trainer: Trainer, pl_module: LightningModule) -> Path | None:
        """Save the last state in which nothing was half done; returns the file, None if there is no such state."""
        if self._boundary is None or not self._in_training or not _is_whole_in_first(trainer):
            return None
        if self._is_saved_in_latest(trainer):
            return self.path.with_name(LATEST)
        self._in_training = False  # one attempt
        is_whole = not self._in_step if self._stepped else self._boundary.go_back()
        if not is_whole:
            return None
        self._save(trainer, pl_module, together=False)
        return self.path

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._in_validation:
            return
        # Lightning would validate only the remaining number of batches, on the first samples. With no batch counted as
        # done, it repeats the whole validation.
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
        earlier = progress["total"]["completed"] - progress["current"]["completed"]
        for count, before in (("current", 0), ("total", earlier)):
            progress[count] = {"ready": before + 1, "started": before + 1, "processed": before, "completed": before}

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._stalled_end is not None:
            self._stalled_end.raise_if_due(self._received or signum)
        if not counts(signum):
            return
        if self._received:
            exit_now(128 + signum)
        self._received = signum
        leave_dead_terminal()
        if not is_silent():
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            # Not print(): the signal may have interrupted one, and print() is not reentrant.
            with suppress(OSError):
                os.write(2, f"\n{stopping_line()}\n".encode(encoding, "backslashreplace"))

    def _beat(self) -> None:
        if self._stalled_end is not None:
            self._stalled_end.beat()

    def _asked_by_signal(self) -> int:
        return _FIRST_SIGNAL + self._received if self._received else 0

    def _asked_by_time(self) -> int:
        return _TIME_IS_UP if time.monotonic() >= self._end else 0

    def _pass_boundary(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run whose training has ended does not need the time; what it still lacks is its end.
        asked = self._asked_by_signal() or (0 if ends_here(trainer) else self._asked_by_time())
        self._stop_if_agreed(trainer, pl_module, asked)
        assert self._boundary is not None
        self._boundary.note()
        self._stepped = False

    def _stop_if_agreed(self, trainer: Trainer, pl_module: LightningModule, asked: int) -> None:
        assert self._consensus is not None
        agreed = self._consensus.highest(asked)
        if agreed == 0:
            return
        saved = self.path
        if self._in_validation and is_extra_validation(trainer):
            saved = self.path.with_name(LATEST)  # holds the last step of the run, which this validation is about
        else:
            assert self._stalled_end is not None
            with self._stalled_end.saving:
                self._save(trainer, pl_module, together=True)
        log_last_points(trainer)
        place = saved, epoch_of(trainer), trainer.max_epochs, trainer.global_step
        raise TimeIsUp(*place) if agreed == _TIME_IS_UP else TrainingInterrupted(agreed - _FIRST_SIGNAL, *place)

    def _save(self, trainer: Trainer, pl_module: LightningModule, *, together: bool) -> None:
        """Save: all processes together, or, after an error that the others may not know of, the first one alone."""
        if self._in_validation:
            # During a validation the network has the averaged weights, which would be saved as its own.
            for callback in callbacks_of(trainer, WeightAveraging):
                callback.on_validation_epoch_end(trainer, pl_module)
        try:
            (save_together if together else save_alone)(trainer, self.path)
        except OSError as error:
            raise save_failed(self.path, error.strerror or str(error)) from error
        except UnresumableError as error:
            raise SaveFailedError(str(error)) from error


def _is_whole_in_first(trainer: Trainer) -> bool:
    """Whether this is the first process and holds all that a checkpoint needs, without the help of the others."""
    if trainer.world_size == 1:
        return True
    shards = any(hasattr(optimizer, "consolidate_state_dict") for optimizer in trainer.optimizers)
    return trainer.is_global_zero and type(trainer.strategy) is DDPStrategy and not shards
