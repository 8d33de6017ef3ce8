import os
from pathlib import Path

import pytest
import torch

from callbacks.saving import AtomicCheckpointIO


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises((AttributeError, TypeError)):  # a generator does not pickle, and is met after some bytes
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1000), "epoch": (n for n in [2])}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_leftover_name_of_a_good_file_is_not_written_into(tmp_path: Path) -> None:
    good = tmp_path / "checkpoint_epoch_1.pth"
    good.write_text("good", encoding="utf-8")
    os.link(good, tmp_path / f".latest_checkpoint.pth.{os.getpid()}.tmp")
    AtomicCheckpointIO().save_checkpoint({"epoch": 2}, tmp_path / "latest_checkpoint.pth")
    assert good.read_text(encoding="utf-8") == "good"
