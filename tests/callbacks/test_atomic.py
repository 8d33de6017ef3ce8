import os
from pathlib import Path

import pytest
import torch

from callbacks.atomic import AtomicCheckpointIO, link, staged


def test_staged_file_takes_its_name_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old", encoding="utf-8")
    with staged(target) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "old"
        assert temporary.parent == tmp_path
    assert target.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_while_writing_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old", encoding="utf-8")

    def fail_half_way() -> None:
        with staged(target) as temporary:
            temporary.write_text("ne", encoding="utf-8")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises((AttributeError, TypeError)):  # a generator does not pickle, and is met after some bytes
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1000), "epoch": (n for n in [2])}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_the_same_file_and_survives_the_replacement_of_its_source(tmp_path: Path) -> None:
    source, target = tmp_path / "latest", tmp_path / "best"
    source.write_text("1", encoding="utf-8")
    target.write_text("0", encoding="utf-8")
    link(source, target)
    assert source.samefile(target)
    with staged(source) as temporary:
        temporary.write_text("2", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "1"


def test_linking_twice_leaves_no_temporary_name(tmp_path: Path) -> None:
    source, target = tmp_path / "latest", tmp_path / "best"
    source.write_text("1", encoding="utf-8")
    link(source, target)
    link(source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "latest"]


def test_without_hard_links_the_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    source, target = tmp_path / "latest", tmp_path / "best"
    source.write_text("1", encoding="utf-8")
    link(source, target)
    assert target.read_text(encoding="utf-8") == "1"
    assert not source.samefile(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "latest"]


def test_a_leftover_name_of_a_good_file_is_not_written_into(tmp_path: Path) -> None:
    good = tmp_path / "checkpoint_epoch_1.pth"
    good.write_text("good", encoding="utf-8")
    os.link(good, tmp_path / f".latest_checkpoint.pth.{os.getpid()}.tmp")
    AtomicCheckpointIO().save_checkpoint({"epoch": 2}, tmp_path / "latest_checkpoint.pth")
    assert good.read_text(encoding="utf-8") == "good"
