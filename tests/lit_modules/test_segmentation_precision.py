"""Losses and metrics of training in half precision are as exact as those of float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from lit_modules import Segmentation
from lit_modules.losses import image_losses
from lit_modules.metrics import OverlapMetrics

PRECISIONS = ["32-true", "bf16-mixed", "bf16-true", "16-true", "64-true"]


class Outputs:
    """Records what a network returns in training and in validation."""

    def __init__(self, network: nn.Module) -> None:
        self.train: list[Tensor] = []
        self.val: list[Tensor] = []
        network.register_forward_hook(self.add)

    def add(self, network: nn.Module, arguments: Any, logits: Tensor) -> None:
        (self.train if network.training else self.val).append(logits.detach().float().clone())


def fit(folder: Path, pairs: TensorDataset, batch_size: int, precision: Any) -> tuple[dict[str, float], Outputs]:
    """Train for one epoch that changes no weight; returns the metrics and the logits."""
    torch.manual_seed(0)
    network = nn.Conv2d(3, 2, kernel_size=1)
    outputs = Outputs(network)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        precision=precision,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    module = Segmentation(network, 2, optimizer=lambda params: SGD(params, lr=0.0))
    trainer.fit(module, DataLoader(pairs, batch_size), DataLoader(pairs, batch_size))
    return {name: value.item() for name, value in trainer.callback_metrics.items()}, outputs


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("images", "size"), [(2100, 1), (2, 400)], ids=["many images", "large images"])
def test_metrics_are_those_of_the_logits_in_float32(tmp_path: Path, images: int, size: int, precision: str) -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(images, 3, size, size, generator=generator)
    target = (image.sum(dim=1) > 0).long()
    measured, outputs = fit(tmp_path, TensorDataset(image, target), 700, precision)
    logits, overlap = torch.cat(outputs.val), OverlapMetrics(2)
    overlap.update(logits.argmax(dim=1), target)
    expected = {f"val/{name}": value.item() for name, value in overlap.compute().items() if name != "foreground"}
    expected["val/loss"] = image_losses(logits, target)[0].double().mean().item()
    expected["train/loss"] = image_losses(torch.cat(outputs.train), target)[0].double().mean().item()
    assert measured == pytest.approx(expected, rel=1e-5)
