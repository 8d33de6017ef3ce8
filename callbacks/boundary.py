"""The moments of an epoch at which a save loses nothing: a resume continues exactly there."""

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.loops.progress import _BaseProgress
from torch import Tensor
from torchmetrics import Metric


def is_step_boundary(trainer: Trainer, batch_idx: int) -> bool:
    """Whether nothing is half done at the end of this batch.

    All gradients have been used, and neither a validation nor the end of the epoch follows, which a run that is resumed
    from a checkpoint made here would skip.
    """
    ends = trainer.is_last_batch or ends_here(trainer)
    return ends_optimizer_step(trainer, batch_idx) and not ends and not validation_follows(trainer, batch_idx)


def ends_optimizer_step(trainer: Trainer, batch_idx: int) -> bool:
    """Whether the gradients of all batches have been used; with accumulated gradients, several batches are one step."""
    return (batch_idx + 1) % trainer.accumulate_grad_batches == 0


def ends_here(trainer: Trainer) -> bool:
    """Whether training ends with the step that is done, be it within an epoch; Lightning's own rule."""
    loop = trainer.fit_loop
    epochs: Any = loop.epoch_progress.current
    has_all_epochs = loop.max_epochs not in (None, -1) and epochs.processed >= loop.max_epochs
    has_all_steps = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
    return has_all_epochs or has_all_steps or (trainer.should_stop and loop._can_stop_early)


def is_cut_short(trainer: Trainer) -> bool:
    """Whether the epoch that Lightning ends has batches left, so that it does not count as done."""
    return not trainer.is_last_batch


def epoch_has_ended(trainer: Trainer) -> bool:
    """Whether the epoch last worked on is over, or cut short."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    return bool(epochs.processed == epochs.ready)


def ends_before_validation(trainer: Trainer) -> bool:
    """Whether training ends with the step that is done, within an epoch, and no validation is due after that step."""
    is_due = validation_follows(trainer, trainer.fit_loop.epoch_loop.batch_idx)
    return ends_here(trainer) and not trainer.is_last_batch and not is_due


def is_extra_validation(trainer: Trainer) -> bool:
    """Whether only the end of the run is the reason for the present validation; what was trained is saved already."""
    return epoch_has_ended(trainer) or ends_before_validation(trainer)


def validate_again(trainer: Trainer) -> None:
    """Validate outside of the training loop, as that does between two steps."""
    epoch_loop = trainer.fit_loop.epoch_loop
    loop = epoch_loop.val_loop
    loop.restarting = False
    trainer.validating = True
    stepped = epoch_loop._batches_that_stepped
    epoch_loop._batches_that_stepped = min(stepped, trainer.global_step - 1)  # loggers count the last step as this
    loop.run()
    epoch_loop._batches_that_stepped = stepped
    trainer.training = True


def epoch_of(trainer: Trainer) -> int:
    """The epoch last worked on, counted from 1; `Trainer.current_epoch` is the next one once an epoch has ended."""
    return trainer.fit_loop.epoch_progress.current.ready


def validation_follows(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a validation is due after this batch."""
    if not trainer.enable_validation or trainer.val_check_batch in (None, float("inf")):
        return False
    every = trainer.check_val_every_n_epoch
    if every is not None and (trainer.current_epoch + 1) % every != 0:
        return False
    done = batch_idx + 1 if every is not None else trainer.fit_loop.total_batch_idx + 1
    return done % int(trainer.val_check_batch) == 0


class Boundary:
    """The last moment at which nothing was half done, and the way back to it.

    Most steps that run out of memory fail in the forward or backward pass. Such a step has not changed the weights yet.
    But batch norm and the mean of the training loss have seen its batch, and Lightning has counted it. All of that is
    noted here (0.1 to 0.3 ms for 42 buffers); the weights need no copy.
    """

    def __init__(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_loop = trainer.fit_loop.epoch_loop
        self._counters = list(_counters(trainer.fit_loop))
        # By name: a network may replace the tensor of a buffer.
        self._places = [(module._buffers, name) for module in pl_module.modules() for name in module._buffers]
        self._metrics = [module for module in pl_module.modules() if isinstance(module, Metric)]
        self._copies: list[Tensor] = []
        self._noted: dict[str, Any] | None = None

    def note(self) -> None:
        """Keep what the next step changes before it changes the weights."""
        buffers = self._buffers()
        if [buffer.shape for buffer in buffers] != [copy.shape for copy in self._copies]:
            self._copies = [torch.empty_like(buffer) for buffer in buffers]
        if buffers:
            torch._foreach_copy_(self._copies, buffers)
        self._noted = {
            "counters": [dict(vars(counter)) for counter in self._counters],
            "metrics": [_copied(metric.metric_state) for metric in self._metrics],
            "epoch_loop": self._epoch_loop.on_save_checkpoint(),
        }

    def _buffers(self) -> list[Tensor]:
        return [buffer for buffers, name in self._places if (buffer := buffers[name]) is not None]

    def go_back(self) -> bool:
        """Restore what was noted, so that it can be saved; training cannot continue after this.

        Returns:
            Whether anything was noted.
        """
        if self._noted is None:
            return False
        if self._copies:
            torch._foreach_copy_(self._buffers(), self._copies)
        for metric, state in zip(self._metrics, self._noted["metrics"], strict=True):
            vars(metric).update(state)
        for counter, counts in zip(self._counters, self._noted["counters"], strict=True):
            vars(counter).update(counts)
        self._epoch_loop.on_load_checkpoint(self._noted["epoch_loop"])
        return True


def _counters(loop: _Loop) -> Iterator[_BaseProgress]:
    """Lightning's counts of epochs, batches, optimizer and schedule steps, in this loop and its inner loops."""
    pending: list[object] = [loop]
    while pending:
        parts = [part for part in vars(pending.pop()).values() if isinstance(part, _Loop | _BaseProgress)]
        yield from (part for part in parts if isinstance(part, _BaseProgress))
        pending += parts


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if isinstance(value, Tensor) else list(value) for name, value in state.items()}
