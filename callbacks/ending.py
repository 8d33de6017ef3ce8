"""How a run ends: after an optimizer step, wherever in an epoch that is, and with the reason in the checkpoint."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason
from lightning.pytorch.loops.fit_loop import _FitLoop
from typing_extensions import override

from callbacks.boundary import ends_here, ends_optimizer_step
from callbacks.checkpoint_io import loaded_run
from callbacks.finding import callbacks_of
from resume.checkpoints.run_entry import RunEntry

ENDED_BY = "ended_by"
_STOP_ASKED = "stop_asked"
_STOPPED = ("early_stopping", "callback")


class _UnfinishedLoop(_FitLoop):
    """The loop of a run that lacks only its last validation: not done before that has begun, whatever the limits."""

    @property
    @override
    def done(self) -> bool:
        return False


class Ending(Callback):
    """Lets a callback stop a run at an optimizer step only, and says in each checkpoint why the run has ended.

    `Trainer.should_stop` can be set anywhere. Lightning then stops after the batch, although its gradients may not have
    been used yet, or before the first batch, and counts the epoch all the same. So a stop within an epoch waits for the
    next optimizer step, at which `CheckpointFiles` saves.

    A run whose training has ended may lack its last validation, because that was interrupted. A resume must make it,
    though Lightning does nothing for a run that has reached its limits.

    Args:
        same_callbacks: On a resume, whether a callback that stopped the run would stop it again.
    """

    def __init__(self, *, same_callbacks: bool = True) -> None:
        self.same_callbacks = same_callbacks
        self._is_held_back = False  # a stop, until the next optimizer step
        self._unfinished: RunEntry | None = None  # the run that lacks its last validation
        self._is_in_validation = False

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        run = loaded_run(trainer, checkpoint)
        has_stopped = run.ended_by in _STOPPED
        _keep_settings(trainer, checkpoint["callbacks"], goes_on=has_stopped and not self.same_callbacks)
        if run.ended_by and not run.finished and self._ends_again(trainer, run):
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]["total"]
            self._is_in_validation = progress["ready"] != progress["completed"]
            self._unfinished = run
            trainer.fit_loop.__class__ = _UnfinishedLoop
        elif self.same_callbacks and not run.ended_by:
            trainer.should_stop = checkpoint[_STOP_ASKED]

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._is_in_validation:  # CheckpointFiles makes it now
            self._let_end(trainer)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._let_end(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._hold_back_if_stopped(trainer)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._let_end(trainer)  # the validation is no longer due, because its interval was changed

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._is_held_back:
            trainer.should_stop, self._is_held_back = True, False
        if not trainer.is_last_batch and not ends_optimizer_step(trainer, batch_idx):
            self._hold_back_if_stopped(trainer)

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        ended_by = _reason(trainer) if ends_here(trainer) else ""
        checkpoint[ENDED_BY] = ended_by  # RunState puts it into the run entry
        # With min_epochs or min_steps, training goes on after a callback has asked for a stop.
        checkpoint[_STOP_ASKED] = not ended_by and (trainer.should_stop or self._is_held_back)

    def _hold_back_if_stopped(self, trainer: Trainer) -> None:
        if _is_stopped(trainer):
            trainer.should_stop, self._is_held_back = False, True

    def _ends_again(self, trainer: Trainer, run: RunEntry) -> bool:
        if run.ended_by == "max_epochs":
            return trainer.max_epochs not in (None, -1) and run.epoch >= (trainer.max_epochs or 0)
        if run.ended_by == "max_steps":
            return trainer.max_steps != -1 and run.global_step >= trainer.max_steps
        return self.same_callbacks

    def _let_end(self, trainer: Trainer) -> None:
        """Let a run end that lacked only its last validation."""
        if self._unfinished is not None:
            trainer.fit_loop.__class__ = _FitLoop
            trainer.should_stop = self._unfinished.ended_by in _STOPPED
            self._unfinished = None


def _is_stopped(trainer: Trainer) -> bool:
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def _who_stopped(trainer: Trainer) -> str:
    callbacks = callbacks_of(trainer, EarlyStopping)
    stopped = any(one.stopping_reason != EarlyStoppingReason.NOT_STOPPED for one in callbacks)
    return "early_stopping" if stopped else "callback"


def _reason(trainer: Trainer) -> str:
    """Which limit ends training; of several, one that the counts in a checkpoint do not show."""
    if _is_stopped(trainer):
        return _who_stopped(trainer)
    return "max_steps" if trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps else "max_epochs"


def _keep_settings(trainer: Trainer, states: dict[str, Any], *, goes_on: bool) -> None:
    """Keep the configured patience, which Lightning would replace with the saved one.

    Args:
        trainer: The trainer.
        states: Of all callbacks, from the checkpoint.
        goes_on: Whether early stopping had ended the run, and the run goes on as if it had not.
    """
    for callback in callbacks_of(trainer, EarlyStopping):
        if callback.state_key in states:
            state = states[callback.state_key]
            state["patience"] = callback.patience
            if goes_on:
                never = EarlyStoppingReason.NOT_STOPPED.value
                state |= {"stopped_epoch": 0, "stopping_reason": never, "stopping_reason_message": None}
