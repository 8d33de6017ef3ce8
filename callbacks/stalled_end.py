"""The end of a training that was told to stop, and makes no progress: saved from its last step boundary."""

import threading
from collections.abc import Callable
from pathlib import Path

from lightning.pytorch import Trainer

from callbacks.boundary import epoch_of
from callbacks.finding import callbacks_of
from callbacks.finite_weights import FiniteWeights
from callbacks.stall_watch import PATIENCE, StallWatch
from callbacks.stops import TrainingInterrupted, TrainingStalled
from resume.system.exit_now import exit_now
from resume.system.output import text
from resume.system.watchdog import wake_main_thread

Report = Callable[[TrainingInterrupted], int]


class StalledEnd:
    """Ends a stalled training in the best way that is left.

    First, the main thread raises `TrainingStalled` where it waits. If it waits in foreign code, as for another process,
    it executes no Python: then another thread saves, and ends the program. If that makes no progress either, the
    program ends without saving.

    Args:
        trainer: The trainer.
        save: Saves the last step boundary; returns the file, None if nothing can be saved.
        report: Prints what was saved, where the main thread cannot; returns the exit code.

    Attributes:
        saving: Is held by the thread that saves the last boundary; no step may begin to change the weights meanwhile.
    """

    def __init__(self, trainer: Trainer, save: Callable[[], Path | None], report: Report) -> None:
        self.saving = threading.Lock()
        self._trainer = trainer
        self._save = save
        self._report = report
        self._beats = 0
        self._is_due = False
        ways = [self._raise_in_main_thread, self._begin_to_end_from_here, self._end_without_saving]
        self._watch = StallWatch(trainer.is_global_zero, lambda: self._beats, ways, self.end_children)

    def beat(self) -> None:
        """Note that a batch has begun or ended."""
        self._beats += 1

    def close(self) -> None:
        """Training has ended."""
        self._watch.close()

    def raise_if_due(self, signum: int) -> None:
        """To be called by the handler of signals.

        Raises:
            TrainingStalled: The main thread must end training.
        """
        if self._is_due:
            self._is_due = False
            raise self._stop(signum)

    def _stop(self, signum: int) -> TrainingStalled:
        return TrainingStalled(signum, epoch_of(self._trainer), self._trainer.max_epochs, self._trainer.global_step)

    def _raise_in_main_thread(self, signum: int) -> None:
        self._is_due = True
        wake_main_thread(signum)

    def _begin_to_end_from_here(self, signum: int) -> None:
        # In a thread of its own, since the watch goes on. If the lock is held, the main thread is saving.
        if self.saving.acquire(blocking=False):
            threading.Thread(target=self._end_from_here, args=(signum,), daemon=True, name="end").start()

    def _end_from_here(self, signum: int) -> None:
        stop = self._stop(signum)
        for callback in callbacks_of(self._trainer, FiniteWeights):  # would otherwise agree with the other processes
            callback.on_exception(self._trainer, self._trainer.lightning_module, stop)
        stop.saved = self._save()
        self.end_children()
        exit_now(self._report(stop))

    def _end_without_saving(self, signum: int) -> None:
        self.end_children()
        said = text("Ended without saving: for {seconds:.0f} s, neither a step nor a save has made progress.")
        exit_now(128 + signum, said.format(seconds=PATIENCE))

    def end_children(self) -> None:
        """End the processes that this one has started: they wait for this one, and notice nothing."""
        for process in getattr(self._trainer.strategy.launcher, "procs", []):
            process.kill()
