"""What makes a run that is resumed another run, for the tests of the self-check."""

import multiprocessing
from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from lit_modules.networks import UNet


class OwnDropout(UNet):
    """Draws from a generator of its own, whose state nobody saves."""

    def __init__(self) -> None:
        super().__init__(width=2, depth=1)
        self._generator = torch.Generator().manual_seed(0)

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image) * torch.rand((), generator=self._generator)


class Brightening(nn.Module):
    """Makes each image that it is given brighter than the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._given = 0

    def forward(self, image: Tensor, target: Tensor) -> Any:
        self._given += 1
        image[0, 0, 0] = self._given
        return image, target


class KillWorkers(Callback):
    """Kills all data workers before optimizer step `step` (from 0), as a system that is out of memory may do."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            workers = multiprocessing.active_children()
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.join()
