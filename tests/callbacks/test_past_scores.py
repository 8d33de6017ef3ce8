"""Early stopping and a schedule that waits for a score begin anew when the score measures something else."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

from callbacks import ForgetPastScores


class Scripted(LightningModule):
    """Logs the given `val/loss` of each epoch."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.losses = losses
        self.weight = torch.nn.Parameter(torch.ones(()))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        return self.weight * batch[0].mean()

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/loss", self.losses[self.current_epoch])

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        schedule = ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"}}


def fit(losses: list[float], epochs: int, file: Path | None, *callbacks: Callback) -> Trainer:
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, log_every_n_steps=1,
        callbacks=[EarlyStopping("val/loss", patience=2), *callbacks],
    )  # fmt: skip
    loader = DataLoader(TensorDataset(torch.ones(2, 1)))
    trainer.fit(Scripted(losses), loader, loader, ckpt_path=file, weights_only=True)
    return trainer


@pytest.mark.parametrize(
    ("metrics", "epochs", "rate"), [(["val/loss"], 6, 1.0), (["val/iou"], 3, 0.5), ([], 3, 0.5)], ids=str
)
def test_scores_of_other_things_stop_no_run_and_lower_no_rate(
    tmp_path: Path, metrics: list[str], epochs: int, rate: float
) -> None:
    losses = [0.1, 0.2, 0.9, 0.8, 0.7, 0.6]  # from the third epoch on of something else
    fit(losses, 2, None).save_checkpoint(tmp_path / "a.ckpt")
    trainer = fit(losses, 6, tmp_path / "a.ckpt", ForgetPastScores(metrics))
    assert trainer.current_epoch == epochs
    assert trainer.optimizers[0].param_groups[0]["lr"] == rate
    stopping = next(one for one in trainer.callbacks if isinstance(one, EarlyStopping))  # type: ignore[attr-defined]
    assert math.isclose(float(stopping.best_score), 0.6 if epochs == 6 else 0.1, rel_tol=1e-6)
