import json
import math
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from callbacks.checkpoint_io import AtomicCheckpointIO, UnresumableError
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.verification import read_run, require_intact
from tests.helpers.checkpoint_folders import entry
from tests.helpers.tiny import train


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises(UnresumableError, match="generator"):  # met after some bytes
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1000), "epoch": (n for n in [2])}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_entry_that_is_too_large_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises(ValueError, match=r"run\.json would have 1\d{6} bytes, at most 1048576 are allowed"):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2, "run": replace(entry(2), config="#" * 2**20)}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_leftover_name_of_a_good_file_is_not_written_into(tmp_path: Path) -> None:
    good = tmp_path / "checkpoint_epoch_1.pth"
    good.write_text("good", encoding="utf-8")
    os.link(good, tmp_path / f".latest_checkpoint.pth.{os.getpid()}.tmp")
    AtomicCheckpointIO().save_checkpoint({"epoch": 2}, tmp_path / "latest_checkpoint.pth")
    assert good.read_text(encoding="utf-8") == "good"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.pth"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(9.0), "loops": {}, "run": entry(3)}, path)
    return path


def test_the_run_entry_comes_back_as_it_was_and_the_callers_dict_is_left_alone(tmp_path: Path) -> None:
    content = {"weights": torch.arange(9.0), "loops": {}, "run": entry(3)}
    AtomicCheckpointIO().save_checkpoint(content, tmp_path / "a.pth")
    assert list(content) == ["weights", "loops", "run"]
    assert content["run"] == entry(3)
    loaded = AtomicCheckpointIO().load_checkpoint(tmp_path / "a.pth", weights_only=True)
    assert loaded["run"] == content["run"]
    assert loaded.keys() == content.keys()


def test_the_pickle_holds_no_run_and_run_json_is_the_only_copy(saved: Path) -> None:
    assert torch.load(saved, weights_only=True).keys() == {"weights", "loops"}
    with zipfile.ZipFile(saved) as archive:
        assert b"run_id" not in archive.read("archive/data.pkl")
        assert archive.namelist()[-1] == "archive/run.json"
    assert read_run(saved) == entry(3)


def test_run_json_notes_size_and_checksum_of_every_other_entry(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        noted = json.loads(archive.read("archive/run.json"))["entries"]
        entries = {info.filename: [info.file_size, info.CRC] for info in archive.infolist()[:-1]}
    assert {f"archive/{name}": part for name, part in noted.items()} == entries
    require_intact(saved)


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_loads_what_was_saved(saved: Path, mmap: bool) -> None:
    assert torch.equal(torch.load(saved, weights_only=True, mmap=mmap)["weights"], torch.arange(9.0))


def test_weights_without_a_run_are_saved_and_loaded_as_lightning_does(tmp_path: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"weight": 1, "run": "text"}, tmp_path / "a.pth")
    assert AtomicCheckpointIO().load_checkpoint(tmp_path / "a.pth") == {"weight": 1, "run": "text"}


def test_other_callbacks_find_the_run_entry_when_a_checkpoint_is_saved_and_loaded(tmp_path: Path) -> None:
    class Look(Callback):
        def __init__(self) -> None:
            self.found: list[RunEntry] = []

        def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            self.found.append(checkpoint["run"])

    train(tmp_path, [0.5])
    look = Look()
    train(tmp_path, [0.5, 0.6], ckpt_path=tmp_path / "latest_checkpoint.pth", callbacks=[look])
    (run,) = look.found
    assert (run.epoch, run.best_epoch, run.best_score) == (1, 1, 0.5)


def test_a_score_that_is_no_number_is_saved_as_none(tmp_path: Path) -> None:
    train(tmp_path, [math.nan])
    run = read_run(tmp_path / "latest_checkpoint.pth")
    assert (run.score, run.best_score, run.monitor) == (None, None, "val/iou")
