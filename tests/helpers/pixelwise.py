"""The module of the program with the smallest network, trained by a real trainer on ten pairs."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lit_modules import Segmentation


class Pixelwise(nn.Module):
    """A network of a user."""

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, channels, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.layer(image)
        return logits


class Records(Callback):
    """Records the metrics at the end of each epoch and the learning rate of each step."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs.append({name: value.item() for name, value in trainer.callback_metrics.items()})


class RestOfTheEpoch(DataLoader[Any]):
    """A loader that continues after the batches that are done."""

    def __init__(self, pairs: TensorDataset, done: int) -> None:
        super().__init__(pairs, batch_size=2)
        self.done = done

    def __iter__(self) -> Any:
        batches = list(super().__iter__())[self.done :]
        self.done = 0
        return iter(batches)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def make_module(network: nn.Module | None = None, num_classes: int = 2, **settings: Any) -> Segmentation:
    torch.manual_seed(0)
    return Segmentation(network or Pixelwise(), num_classes, **settings)


def make_trainer(folder: Path, *callbacks: Callback, **settings: Any) -> Trainer:
    settings = {"accelerator": "cpu", "max_epochs": 1, "num_sanity_val_steps": 0, **settings}
    return Trainer(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
        log_every_n_steps=1,
        **settings,
    )


def fit(
    trainer: Trainer, module: Segmentation, pairs: TensorDataset, done: int = 0, ckpt_path: Path | None = None
) -> None:
    trainer.fit(module, RestOfTheEpoch(pairs, done), DataLoader(pairs, batch_size=2), ckpt_path=ckpt_path)
