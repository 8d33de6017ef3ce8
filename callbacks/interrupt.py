"""Stopping: the first signal ends the run at the next step boundary and saves it, the second ends it at once."""

import os
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging
from lightning.pytorch.loops.progress import _ProcessedTracker
from lightning.pytorch.strategies import DDPStrategy
from typing_extensions import override

from callbacks.boundary import Boundary, is_step_boundary
from callbacks.consensus import Question
from callbacks.saving import save_whole
from resume.run_files import INTERRUPTED
from resume.system.exit_now import exit_now
from resume.system.output import ExplainedError, is_silent
from resume.system.signals import Stopped, counts, insisting_key, leave_dead_terminal, listen


class TrainingInterrupted(Stopped):
    """Training was stopped by a signal, and saved.

    Attributes:
        saved: The file that was written.
        epoch: The epoch (from 1) that was under way.
        max_epochs: Epochs that were asked for.
        global_step: Optimizer steps done.
    """

    def __init__(self, signum: int, saved: Path, epoch: int, max_epochs: int | None, global_step: int) -> None:
        super().__init__(signum)
        self.saved = saved
        self.epoch = epoch
        self.max_epochs = max_epochs
        self.global_step = global_step


class SaveFailedError(ExplainedError):
    """A run that was to be stopped and saved could not be saved; the message says why."""

    exit_code: ClassVar[int] = 1


class Interrupt(Checkpoint):
    """Writes `interrupted_checkpoint.pth` when a signal or an exception stops training.

    A signal only sets a flag. It is acted on where nothing is half done: after an optimizer step; after a batch of a
    validation, which the resumed run makes anew; or, when the step was the epoch's last one, after the epoch's own
    files. An exception is saved from where nothing was half done, too. A `Checkpoint`, since Lightning runs those after
    all other callbacks, in their order: listed last, it finds the files of the epoch written.

    Args:
        dirpath: Folder of the run's files.
    """

    def __init__(self, dirpath: str) -> None:
        self.path = Path(dirpath) / INTERRUPTED
        self._received = 0
        self._question: Question | None = None
        self._in_training = False
        self._boundary: Boundary | None = None
        self._in_step = False
        self._stepped = False  # since the boundary
        self._in_validation = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not earlier: Lightning notes the handlers that stand before this, sets its own, and puts back those it noted.
        listen(self._on_signal)
        self._in_training = True
        # A signal may reach only one process, and all must stop at the same step.
        self._question = Question(trainer.strategy)
        self._boundary = Boundary(trainer, pl_module)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._in_step = True

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        self._stepped = True

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # With accumulated gradients, several batches are one step.
        self._in_step = (batch_idx + 1) % trainer.accumulate_grad_batches != 0 and not trainer.is_last_batch
        if is_step_boundary(trainer, batch_idx):
            self._pass_boundary(trainer, pl_module)

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_validation = True
        if self._question is not None:
            self._question.ask_soon()
        total = trainer.fit_loop.epoch_loop.val_loop.batch_progress.total
        assert isinstance(total, _ProcessedTracker)
        # After a resume within a validation, Lightning sets the current count back, and this one not.
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
        if self._in_training and not self._in_step:
            self._stop_if_asked(trainer, pl_module)

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_validation = False

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A validation in mid-epoch; behind the epoch's last one, the epoch's own files come first.
        if self._in_training and not trainer.is_last_batch:
            self._pass_boundary(trainer, pl_module)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._pass_boundary(trainer, pl_module)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_training = False

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save the last whole state before an error; after a signal it is saved already, or cannot be."""
        if (
            isinstance(exception, TrainingInterrupted | SaveFailedError)
            or self._boundary is None
            or not self._in_training
            or not _is_whole_in_first(trainer)
        ):
            return
        is_whole = not self._in_step if self._stepped else self._boundary.go_back()
        if not is_whole:
            return
        try:
            self._save(trainer, pl_module, together=False)
        except SaveFailedError as error:
            pl_module.print(f"Training failed, and {error}")  # what training failed of is told after this
            return
        pl_module.print(f"Training failed. All steps before that ({trainer.global_step}) are saved in {self.path}.")

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._in_validation:
            return
        # Lightning would validate the rest only, on the first samples. With no batch of it done, it begins anew.
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
        earlier = progress["total"]["completed"] - progress["current"]["completed"]
        for count, before in (("current", 0), ("total", earlier)):
            progress[count] = {"ready": before + 1, "started": before + 1, "processed": before, "completed": before}

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if not counts(signum):
            return
        if self._received:
            exit_now(128 + signum)
        self._received = signum
        leave_dead_terminal()
        if not is_silent():
            notice = f"\nStopping after this step, then saving ... ({insisting_key()}: end at once, without saving)\n"
            # print() may be what the signal interrupted; it is not reentrant.
            with suppress(OSError):
                os.write(2, notice.encode())

    def _pass_boundary(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_if_asked(trainer, pl_module)
        assert self._boundary is not None
        self._boundary.note()
        self._stepped = False

    def _stop_if_asked(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert self._question is not None
        signum = self._question.highest(self._received)
        if signum == 0:
            return
        self._save(trainer, pl_module, together=True)
        raise TrainingInterrupted(signum, self.path, trainer.current_epoch + 1, trainer.max_epochs, trainer.global_step)

    def _save(self, trainer: Trainer, pl_module: LightningModule, *, together: bool) -> None:
        """Save, all processes together or, after an error that the others may not know of, the first one alone."""
        if self._in_validation:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, WeightAveraging):
                    # It lends the averaged weights to the validation, and would save them as the others.
                    callback.on_validation_epoch_end(trainer, pl_module)
        try:
            if together:
                save_whole(trainer, self.path)
            else:
                # As trainer.save_checkpoint, which at its end would wait for the others.
                state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
                trainer.strategy.save_checkpoint(state, self.path)
        except OSError as error:
            raise SaveFailedError(
                f"{self.path} could not be saved ({error.strerror or error}): the steps since the last save are lost."
            ) from error


def _is_whole_in_first(trainer: Trainer) -> bool:
    """Whether this is the first process and holds all that a checkpoint needs, so that it need not ask the others."""
    if trainer.world_size == 1:
        return True
    shards = any(hasattr(optimizer, "consolidate_state_dict") for optimizer in trainer.optimizers)
    return trainer.is_global_zero and type(trainer.strategy) is DDPStrategy and not shards
