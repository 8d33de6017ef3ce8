"""Record what a run computes in each step, as short digests that can be compared."""

import hashlib
import signal
from typing import Any, ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

Step = dict[str, str]


class Trace(Callback):
    """Records, for each batch, digests of the batch, of the loss, and of every tensor of the module after the step.

    Both attributes belong to the class: the records outlive the trainer, and the stopped run must have the same
    configuration as the uninterrupted one.

    Attributes:
        steps: The digests by (epoch, batch), both counted from 0; a repeated batch overwrites its entry.
        stop_at: The (epoch, batch) in which to stop like Ctrl+C; None: do not stop.
    """

    steps: ClassVar[dict[tuple[int, int], Step]] = {}
    stop_at: ClassVar[tuple[int, int] | None] = None

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.steps[trainer.current_epoch, batch_idx] = {"batch": digest(*batch)}
        if self.stop_at == (trainer.current_epoch, batch_idx):
            signal.raise_signal(signal.SIGINT)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        tensors = {name: digest(value) for name, value in pl_module.state_dict().items()}
        self.steps[trainer.current_epoch, batch_idx] |= {"loss": digest(outputs["loss"]), **tensors}


def digest(*tensors: Tensor) -> str:
    """A short text that is the same for the same bits."""
    found = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
