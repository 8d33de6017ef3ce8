"""Stopping: the first signal ends the run at the next step boundary and saves it, the second ends it at once."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from typing_extensions import override

from callbacks.boundaries import is_step_boundary

INTERRUPTED = "interrupted_checkpoint.pth"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(BaseException):
    """Training was stopped by a signal.

    Not an Exception, so that no `except Exception` on the way out takes it for a fault; not a KeyboardInterrupt
    either, which Lightning turns into exit code 1.

    Attributes:
        signum: The signal.
        saved: The file that was written, None when there was nothing to save yet.
        epoch: The epoch (from 1) that was under way.
        max_epochs: Epochs that were asked for.
        global_step: Optimizer steps done.
    """

    def __init__(
        self,
        signum: int,
        saved: Path | None = None,
        epoch: int = 0,
        max_epochs: int | None = None,
        global_step: int = 0,
    ) -> None:
        super().__init__(signum)
        self.signum = signum
        self.saved = saved
        self.epoch = epoch
        self.max_epochs = max_epochs
        self.global_step = global_step


@contextmanager
def stop_at_once() -> Iterator[None]:
    """Within the block, a signal raises `TrainingInterrupted` where it arrives: for the time before training."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        raise TrainingInterrupted(signum)

    before = _listen(stop)
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def not_stopped() -> Iterator[None]:
    """Within the block a signal waits; then it raises `TrainingInterrupted`: for moving and deleting files."""
    received: list[int] = []
    before = _listen(lambda signum, _frame: received.append(signum))
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if received:
        raise TrainingInterrupted(received[0])


def _listen(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Set the handler of all signals that stop a run; returns the handlers until now."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python allows handlers in no other thread
    return {signum: signal.signal(signum, handler) for signum in _SIGNALS}


class Interrupt(Checkpoint):
    """Writes `interrupted_checkpoint.pth` when Ctrl+C, SIGTERM or an exception stops training.

    A signal only sets a flag. It is acted on where nothing is half done: after an optimizer step, or, when that was the
    epoch's last one, after validation and the epoch's own files. A `Checkpoint`, since Lightning runs those after all
    other callbacks, in their order: listed last, it finds the files of the epoch written.

    Args:
        dirpath: Folder of the run's files.
    """

    def __init__(self, dirpath: str) -> None:
        self.path = Path(dirpath) / INTERRUPTED
        self._received: int | None = None
        self._in_training = False
        self._state_is_whole = False
        self._in_validation = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not earlier: Lightning notes the handlers that stand before this, sets its own, and puts back those it noted.
        _listen(self._on_signal)
        self._in_training = self._state_is_whole = True

    @override
    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        # From the first gradient to the end of the batch, weights, gradients and counters do not belong together.
        self._state_is_whole = False

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._state_is_whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
        if is_step_boundary(trainer, batch_idx):
            self._stop_if_asked(trainer)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A validation in mid-epoch; behind the epoch's last one, the epoch's own files come first.
        if self._in_training and not trainer.is_last_batch:
            self._stop_if_asked(trainer)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_if_asked(trainer)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_training = False

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save the last whole state before an error; after a signal it is saved already."""
        if isinstance(exception, TrainingInterrupted) or not (self._in_training and self._state_is_whole):
            return
        self._in_validation = trainer.validating
        trainer.save_checkpoint(self.path)
        pl_module.print(f"Training failed. All steps before that ({trainer.global_step}) are saved in {self.path}.")

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._in_validation:
            return
        # Lightning would validate the rest only, on the first samples. With no batch of it done, it begins anew.
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
        for count in ("total", "current"):
            progress[count] = {"ready": 1, "started": 1, "processed": 0, "completed": 0}

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            for worker in multiprocessing.active_children():
                worker.kill()
            if sys.stdout.isatty():
                os.write(1, b"\x1b[?25h")  # the progress bar has hidden the cursor
            os._exit(128 + signum)
        self._received = signum
        # print() may be what the signal interrupted, and does not bear being entered twice.
        os.write(2, b"\nStopping after this step, then saving ... (once more: leave at once, without saving)\n")

    def _stop_if_asked(self, trainer: Trainer) -> None:
        # Asked of all processes, since a signal may reach only one, and all must stop at the same step.
        if not trainer.strategy.reduce_boolean_decision(self._received is not None, all=False):
            return
        trainer.save_checkpoint(self.path)
        raise TrainingInterrupted(
            self._received or signal.SIGINT,
            self.path,
            trainer.current_epoch + 1,
            trainer.max_epochs,
            trainer.global_step,
        )
