"""The smallest real training: a linear network on eight samples, with validation scores as the test wants them."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from callbacks import AtomicCheckpointIO, CheckpointFiles, Ending, EpochBar, FiniteWeights, Interrupt, RunState
from resume.checkpoints.run_entry import DataPaths, ResumedFrom, RunEntry
from tests.helpers import checkpoint_folders

BATCHES = 4


class ScriptedScores(LightningModule):
    """Logs the given `val/iou` of each epoch; trains a linear layer with dropout for real."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores
        self.network = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss: Tensor = self.network(batch[0]).square().mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        self.log("val/iou", self.scores[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(TensorDataset(torch.arange(16.0).reshape(8, 2) / 16), batch_size=2)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(TensorDataset(torch.zeros(2, 2)), batch_size=1)


def run_state(folder: Path, resumed_from: ResumedFrom | None = None, seed: int = 1) -> RunState:
    entry = RunEntry("f" * 32, DataPaths(None, None), "trainer: {}\n", resumed_from)
    return RunState(entry, seed=seed, dirpath=str(folder))


def train(
    folder: Path,
    scores: list[float],
    *,
    ckpt_path: Path | None = None,
    callbacks: list[Callback] | None = None,
    state: RunState | None = None,
    bar: EpochBar | None = None,
    ending: Ending | None = None,
    max_epochs: int | None = None,
    module: type[ScriptedScores] = ScriptedScores,
    trainer_settings: dict[str, Any] | None = None,
    **settings: Any,
) -> Trainer:
    """Train for len(scores) epochs with the program's own callbacks; `settings` go to CheckpointFiles."""
    torch.manual_seed(0)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=max_epochs or len(scores),
        callbacks=[
            *(callbacks or []),
            *([bar] if bar else []),
            ending or Ending(),
            state or run_state(folder),
            FiniteWeights(),
            CheckpointFiles(str(folder), **settings),
            Interrupt(str(folder)),
        ],
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_progress_bar=bar is not None,
        enable_model_summary=False,
        **({"num_sanity_val_steps": 0} | (trainer_settings or {})),
    )
    trainer.fit(module(scores), ckpt_path=ckpt_path, weights_only=True)
    return trainer


def load(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, its run entry among it as plain values."""
    return {**torch.load(path, weights_only=True), "run": checkpoint_folders.run_of(path)}


def names(folder: Path) -> list[str]:
    """What the callbacks wrote into the folder, but for config.yaml."""
    return sorted(path.name for path in folder.iterdir() if path.name != "config.yaml")
