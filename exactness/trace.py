"""What a run computes in each step, as short digests that can be laid side by side."""

import hashlib
import signal
from typing import Any, ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

Step = dict[str, str]


class Trace(Callback):
    """Notes, for each batch, digests of the batch, the loss and every tensor of the module afterwards.

    What is noted outlives the trainer, and what to do is no setting: the stopped and the unstopped run have the same
    configuration.

    Attributes:
        steps: What was noted, by (epoch, batch), both counted from 0; a batch that is done again overwrites.
        stop_at: The (epoch, batch) in which to stop as Ctrl+C does; None: nowhere.
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
    """The same text for the same bits."""
    found = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
