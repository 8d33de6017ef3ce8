"""The way back to the last step boundary, for a step that failed before it changed the weights."""

from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker
from torch import Tensor
from torchmetrics import Metric


@dataclass
class StepStart:
    """What the batches of a step change before its optimizer step: buffers, metrics, and Lightning's count of batches.

    A step that fails in its forward or backward pass, as most that run out of memory do, has not changed the weights
    yet; but batch norm has seen its batch, and so has the mean of the training loss.
    """

    _buffers: list[Tensor] = field(default_factory=list)
    _metrics: list[tuple[Metric, dict[str, Any]]] = field(default_factory=list)
    _batches: int = 0

    def note(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state as it is before the step's first batch (0.1 ms for a network of 18 batch norms)."""
        buffers = list(pl_module.buffers())
        if [buffer.shape for buffer in buffers] != [copy.shape for copy in self._buffers]:
            self._buffers = [torch.empty_like(buffer) for buffer in buffers]
        if buffers:
            torch._foreach_copy_(self._buffers, buffers)
        metrics = [module for module in pl_module.modules() if isinstance(module, Metric)]
        self._metrics = [(metric, _copied(metric.metric_state)) for metric in metrics]
        self._batches = trainer.fit_loop.epoch_loop.batch_progress.current.completed

    def go_back(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore what was noted. Training cannot go on after this; it can be saved."""
        for buffer, copy in zip(pl_module.buffers(), self._buffers, strict=True):
            buffer.copy_(copy)
        for metric, state in self._metrics:
            for name, value in state.items():
                setattr(metric, name, value)
        progress = trainer.fit_loop.epoch_loop.batch_progress
        gone = progress.current.completed - self._batches
        for count in (progress.current, progress.total):
            assert isinstance(count, _ProcessedTracker)
            count.processed = count.completed = count.completed - gone
            count.ready = count.started = count.completed + 1
        progress.is_last_batch = False


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.clone() if isinstance(value, Tensor) else list(value) for name, value in state.items()}
