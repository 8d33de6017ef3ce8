"""Checkpoint folders for tests, made without torch: small zip files, each with a run.json."""

import json
import os
import pickle
import zlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.verification import read_run
from tests.helpers.zip_files import archive_of

BATCHES = 10
RUN = "a" * 32
OTHER_RUN = "b" * 32
_NO_VALIDATION_SET = {"val_image_path": None, "val_gt_path": None}
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def facts(epoch: int, /, *, batch: int | None = None, **changes: Any) -> dict[str, Any]:
    """The run entry, as plain values, of a checkpoint saved after `epoch`, or after `batch` batches of it."""
    epoch_done = batch is None
    step = epoch * BATCHES if batch is None else (epoch - 1) * BATCHES + batch
    values: dict[str, Any] = {
        "run_id": RUN,
        "resumed_from": None,
        "saved_at": (START + timedelta(minutes=step)).isoformat(timespec="microseconds"),
        "epoch": epoch,
        "epoch_done": epoch_done,
        "batch": BATCHES if batch is None else batch,
        "batches_per_epoch": BATCHES,
        "global_step": step,
        "max_epochs": 100,
        "ended_by": "",
        "finished": False,
        "monitor": "val/iou",
        "mode": "max",
        "score": 0.5 + epoch / 1000,
        "best_score": 0.5 + epoch / 1000,
        "best_epoch": epoch,
        "best_step": epoch * BATCHES,
        "data": {"image_path": "Data/images", "gt_path": "Data/gt", **_NO_VALIDATION_SET},
        "class_mapping": {"0": 0, "255": 1},
        "versions": {"torch": "2"},
        "machine": {"device": "cpu"},
        "git_commit": None,
        "job": None,
        "config": "lang: auto\n",
    }
    if isinstance(changes.get("data"), dict):
        changes["data"] = {**_NO_VALIDATION_SET, **changes["data"]}
    return {**values, **changes}


def entry(epoch: int, /, *, batch: int | None = None, **changes: Any) -> RunEntry:
    """The run entry itself; arguments as for `facts`."""
    return RunEntry.from_dict(facts(epoch, batch=batch, **changes))


def run_of(path: Path) -> dict[str, Any]:
    """The run entry of a checkpoint file, as plain values."""
    return read_run(path).to_dict()


def run_json(run: Any, parts: dict[str, bytes]) -> bytes:
    """The content of a run.json, written without the program's own means."""
    entries = {name: [len(content), zlib.crc32(content)] for name, content in parts.items()}
    return json.dumps({"format": 1, "entries": entries, "run": run}).encode()


def zip_parts(description: bytes, run: Any = None) -> dict[str, bytes]:
    """The entries of an archive with this pickle; with a run.json if `run` is given."""
    parts = {"data.pkl": description, "data/0": b"\0" * 64}
    return parts if run is None else {**parts, "run.json": run_json(run, parts)}


def write_zip(path: Path, content: Any, run: Any = None) -> Path:
    """A file with the layout of torch.save: stored, one folder, the pickle in data.pkl; run.json if `run` is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive_of(zip_parts(pickle.dumps(content, protocol=2), run)))
    return path


def save(path: Path, epoch: int, /, **changes: Any) -> Path:
    """Write the checkpoint file of a run; `changes` as for `facts`."""
    state = OrderedDict(weight=[0.0])
    content = {"epoch": epoch - 1, "state_dict": state, "loops": {}}
    return write_zip(path, content, facts(epoch, **changes))


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
