"""Checkpoint folders for tests, made without torch: small zip files that describe a checkpoint."""

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

BATCHES = 10
RUN = "a" * 32
OTHER_RUN = "b" * 32
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def facts(epoch: int, /, *, batch: int | None = None, **changes: Any) -> dict[str, Any]:
    """The `run` entry of a checkpoint saved after `epoch`, or after `batch` batches of it."""
    epoch_done = batch is None
    step = epoch * BATCHES if batch is None else (epoch - 1) * BATCHES + batch
    values: dict[str, Any] = {
        "run_id": RUN,
        "parent": None,
        "saved_at": (START + timedelta(minutes=step)).isoformat(timespec="microseconds"),
        "epoch": epoch,
        "epoch_done": epoch_done,
        "batch": BATCHES if batch is None else batch,
        "batches_per_epoch": BATCHES,
        "global_step": step,
        "max_epochs": 100,
        "finished": False,
        "monitor": "val/iou",
        "mode": "max",
        "score": 0.5 + epoch / 1000,
        "best_score": 0.5 + epoch / 1000,
        "best_epoch": epoch,
        "best_step": epoch * BATCHES,
        "data": {"image_path": "Data/images", "gt_path": "Data/gt"},
        "class_mapping": {"0": 0, "255": 1},
        "versions": {"torch": "2"},
        "git_commit": None,
        "config": "lang: auto\n",
    }
    return {**values, **changes}


def write_zip(path: Path, content: Any) -> Path:
    """A file as torch.save lays it out: stored, one folder, the description in data.pkl."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/data/0", b"\0" * 64)
    return path


def save(path: Path, epoch: int, /, **changes: Any) -> Path:
    """Write the checkpoint file of a run; `changes` as for `facts`."""
    state = OrderedDict(weight=[0.0])
    content = {"epoch": epoch - 1, "state_dict": state, "loops": {}, "run": facts(epoch, **changes)}
    return write_zip(path, content)


def damage(path: Path) -> Path:
    """Cut a file short, as a full disk does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def flip_a_bit(path: Path) -> Path:
    """What a bad disk does: the weights are others than those that were saved. Files linked to it have them too."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\0" * 64, b"\0" * 63 + b"\1"))
    return path


def fill(folder: Path, epochs: int = 3, *, interrupted: bool = True, **changes: Any) -> Path:
    """A folder as a run leaves it: epoch files, latest, best (of epoch 2), interrupted, history, config."""
    for epoch in range(1, epochs + 1):
        best = {"best_epoch": min(epoch, 2), "best_step": min(epoch, 2) * BATCHES}
        save(folder / f"checkpoint_epoch_{epoch}.pth", epoch, **{**best, **changes})
    os.link(folder / f"checkpoint_epoch_{epochs}.pth", folder / "latest_checkpoint.pth")
    os.link(folder / f"checkpoint_epoch_{min(epochs, 2)}.pth", folder / "best_model.pth")
    if interrupted:
        save(folder / "interrupted_checkpoint.pth", epochs, batch=4, **changes)
    for name, content in (("training_history.png", "png"), ("training_history.csv", "epoch\n")):
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "config.yaml").write_text(json.dumps({"lang": "auto"}), encoding="utf-8")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content: equal snapshots mean that nothing was touched."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def symlink(path: Path, goal: str) -> Path:
    """Make or replace a symbolic link; skips the test where the system allows none."""
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(goal)
    except OSError:
        pytest.skip("this system allows no symbolic links")
    return path
