"""Weights that are not finite are never saved: training stops at the first save that would hold them."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from callbacks.boundary import epoch_of

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128)


class NotFiniteError(Exception):
    """The weights are no longer finite; they were not saved, and training has ended.

    Attributes:
        tensors: The names of the tensors in this process that are not finite; of several processes, perhaps none.
        epoch: The current epoch, counted from 1.
        global_step: Optimizer steps done.
    """

    def __init__(self, tensors: list[str], epoch: int, global_step: int) -> None:
        super().__init__(f"epoch {epoch}, step {global_step}: {', '.join(tensors)}")
        self.tensors = tensors
        self.epoch = epoch
        self.global_step = global_step


class FiniteWeights(Callback):
    """Looks at the weights before each save, whatever asks for it, and ends training if they are not finite.

    Trainable weights must be finite. Frozen weights and buffers must not become otherwise: an attention mask of -inf
    may stay. Buffers that no checkpoint holds do not count. In the state of the optimizer, NaN counts: it reaches the
    weights with the next step. The program waits once for the device, whatever the number of tensors.
    """

    def __init__(self) -> None:
        self._exempt: frozenset[str] = frozenset()
        self._is_alone = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        fixed = {name: tensor for name, tensor in _weights(pl_module) if not tensor.requires_grad}
        self._exempt = frozenset(_wrong(fixed, torch.isfinite))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]  # a trial saves nothing
            self._require_finite(trainer, pl_module)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._is_alone = True  # the other processes do not know of the saves that follow

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._require_finite(trainer, pl_module)

    def _require_finite(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See that a checkpoint of this moment can be trained on.

        Raises:
            NotFiniteError: It could not; in all processes, wherever the tensor is.
        """
        weights = {name: tensor for name, tensor in _weights(pl_module) if name not in self._exempt}
        wrong = _wrong(weights, torch.isfinite) + _wrong(dict(_moments(trainer, pl_module)), _is_number)
        is_finite = not wrong
        if not self._is_alone:
            is_finite = trainer.strategy.reduce_boolean_decision(is_finite, all=True)
        if not is_finite:
            raise NotFiniteError(wrong, epoch_of(trainer), trainer.global_step)


def _weights(module: LightningModule) -> Iterator[tuple[str, Tensor]]:
    """The weights and buffers that a checkpoint holds, by name."""
    yield from module.named_parameters()
    for prefix, part in module.named_modules():
        for name, buffer in part.named_buffers(prefix, recurse=False):
            if name.rpartition(".")[2] not in part._non_persistent_buffers_set:
                yield name, buffer


def _moments(trainer: Trainer, module: LightningModule) -> Iterator[tuple[str, Tensor]]:
    """What the optimizers keep for each weight, by the names of both."""
    names: dict[Tensor, str] = {weight: name for name, weight in module.named_parameters()}
    for optimizer in trainer.optimizers:
        for weight, state in optimizer.state.items():
            tensors = {key: value for key, value in state.items() if isinstance(value, Tensor)}
            yield from ((f"{key} of {names.get(weight, 'a weight')}", value) for key, value in tensors.items())


def _is_number(tensor: Tensor) -> Tensor:
    return ~torch.isnan(tensor)


def _wrong(tensors: dict[str, Tensor], test: Callable[[Tensor], Tensor]) -> list[str]:
    """The names of the tensors with an element that fails the test, which every finite element passes."""
    local = {name: part for name, tensor in tensors.items() if (part := _own_part(tensor)).numel()}
    if not local:
        return []
    # A sum is finite only if all its elements are. It is 20 times as fast as the test, and needs no memory.
    device = next(iter(local.values())).device
    sums = torch.stack([part.sum(dtype=torch.float32).to(device) for part in local.values()])
    suspects = [name for name, is_finite in zip(local, sums.isfinite().tolist(), strict=True) if not is_finite]
    return [name for name in suspects if not test(local[name]).all()]


def _own_part(tensor: Tensor) -> Tensor:
    """The real numbers that this process holds of a tensor; none if it holds no floating-point numbers."""
    part = tensor.detach()
    part = part.to_local() if hasattr(part, "to_local") else part  # of a tensor that several processes share
    if part.dtype not in _FLOATS or part.layout != torch.strided or part.is_meta:
        return part.new_empty(0, dtype=torch.float32)
    return torch.view_as_real(part) if part.is_complex() else part
