"""How many steps of a run had a loss that is not finite, and which was the first."""

from operator import index
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

_AT_A_TIME = 256


class Found(NamedTuple):
    """Steps whose loss is not finite.

    Attributes:
        number: How many.
        first: The first of them, counted from 1 since the start of the run; 0 if there is none.
    """

    number: int = 0
    first: int = 0


class BadSteps:
    """Counts the optimizer steps that were made although their loss is not finite.

    Such a step need not be the end: its gradients may have been clipped to finite ones. A step that a precision scaler
    skips is not made. Losses and counts stay on the device until the end of the epoch, so that the program waits for no
    step; the losses are counted many at a time, since a single one would take 0.1 ms.

    Attributes:
        of_run: What was found in all epochs that have ended.
    """

    def __init__(self) -> None:
        self.of_run = Found()
        self._loss: Tensor | None = None  # the sum over the batches of the present step
        self._losses: list[Tensor] = []  # of the last steps, which follow each other, and are not counted yet
        self._last = 0  # the last of these steps
        self._count: Tensor | int = 0  # in the present epoch
        self._first: Tensor | int = 0

    def begin_step(self) -> None:
        """Forget the losses of the step before: their gradients are gone."""
        self._loss = None

    def add(self, loss: Tensor) -> None:
        """Add the loss of a batch, a float32 scalar: NaN or infinite if that of any of its images is."""
        self._loss = loss.detach() if self._loss is None else self._loss + loss.detach()

    def end_step(self, optimizer: Optimizer, step: int) -> None:
        """Note whether the loss of a step that was made is finite.

        Args:
            optimizer: Has made the step. A fused one skips it by itself if the scaler has told it so.
            step: The number of the step, from 1.
        """
        if self._loss is None:
            return
        loss = self._loss
        skips = getattr(optimizer, "found_inf", None)
        if isinstance(skips, Tensor):
            loss = torch.where(skips > 0, 0.0, loss)
        if step != self._last + 1 or len(self._losses) == _AT_A_TIME:
            self._count_losses()
        self._losses.append(loss)
        self._last = step

    def _count_losses(self) -> None:
        if not self._losses:
            return
        is_bad = ~torch.stack(self._losses).isfinite()
        first = self._last - len(self._losses) + 1 + is_bad.int().argmax()
        # Not as_tensor(…, device): to copy a number to a GPU makes the program wait.
        before = torch.zeros_like(first) + self._first
        self._first = torch.where((before == 0) & is_bad.any(), first, before)
        self._count = is_bad.sum() + self._count
        self._losses = []

    def end_epoch(self) -> Found:
        """Return what was found in the epoch, and begin the next one. The program waits for the device."""
        found = self._of_epoch()
        self.of_run = self._so_far()
        self._count = self._first = 0
        return found

    def _of_epoch(self) -> Found:
        self._count_losses()
        return Found(int(self._count), int(self._first))

    def _so_far(self) -> Found:
        epoch = self._of_epoch()
        return Found(self.of_run.number + epoch.number, self.of_run.first or epoch.first)

    def state_dict(self) -> dict[str, list[int]]:
        """Return the counts as plain values. The program waits for the device."""
        return {"epoch": list(self._of_epoch()), "run": list(self.of_run)}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        self._count, self._first = map(index, state["epoch"])
        self.of_run = Found(*map(index, state["run"]))

    @property
    def first(self) -> int:
        """The first step so far in the run, from 1; 0 if there is none. The program waits for the device."""
        return self._so_far().first
