"""Folders of shards, as Lightning's strategies write them, by torch's own means and in one process."""

import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch.distributed.checkpoint.state_dict_saver import save as save_shards

from tests.helpers import checkpoint_folders


def save(path: Path, epoch: int, weights: dict[str, torch.Tensor], **further: Any) -> Path:
    """Write a checkpoint of these weights, saved after `epoch`; `further` goes into the state of its optimizer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is one process only
        save_shards({"state_dict": weights, "optimizer_0": {"lr": 0.1, **further}}, checkpoint_id=path, no_dist=True)
    run = checkpoint_folders.facts(epoch)
    counts = {"epoch": epoch - 1, "global_step": run["global_step"]}
    return save_rest(path, {**counts, "loops": {"fit_loop": _no_progress()}, "callbacks": {}}, run)


def _no_progress() -> dict[str, Any]:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    return trainer.fit_loop.state_dict()


def save_rest(path: Path, rest: dict[str, Any], run: dict[str, Any]) -> Path:
    """Write what is not in the shards: `meta.pt`, and a `run.json` that fits it and the table."""
    torch.save(rest, path / "meta.pt")
    parts = {name: (path / name).read_bytes() for name in ("meta.pt", ".metadata")}
    (path / "run.json").write_bytes(checkpoint_folders.run_json(run, parts))
    return path
