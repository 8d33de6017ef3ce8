"""Checkpoints that are folders of shards: replaced whole, also when a kill comes in between."""

import os
from pathlib import Path

import pytest

from resume.checkpoints.paths import is_shards, place_of
from resume.system.durable_files import link, staged


def write_folder(path: Path, content: str) -> None:
    with staged(path, replaceable=is_shards) as temporary:
        temporary.mkdir()
        for name in ("meta.pt", ".metadata"):
            (temporary / name).write_text(content, encoding="utf-8")


def contents(path: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in path.iterdir()}


def test_a_folder_takes_the_name_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    write_folder(path, "old")
    write_folder(path, "new")
    assert contents(path) == {"meta.pt": "new", ".metadata": "new"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    write_folder(path, "old")

    def fill_up() -> None:
        with staged(path, replaceable=is_shards) as temporary:
            temporary.mkdir()
            (temporary / "meta.pt").write_text("half", encoding="utf-8")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_up()
    assert contents(path) == {"meta.pt": "old", ".metadata": "old"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("first", ["file", "folder"])
def test_a_folder_takes_the_place_of_a_file_and_the_other_way_round(tmp_path: Path, first: str) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    for form in (first, "folder" if first == "file" else "file"):
        if form == "folder":
            write_folder(path, "new")
        else:
            with staged(path, replaceable=is_shards) as temporary:
                temporary.write_text("new", encoding="utf-8")
    assert path.is_dir() == (first == "file")
    assert list(tmp_path.iterdir()) == [path]


def test_a_further_name_shares_the_shards(tmp_path: Path) -> None:
    write_folder(tmp_path / "checkpoint_epoch_1.pth", "one")
    write_folder(tmp_path / "best_model.pth", "old")
    link(tmp_path / "checkpoint_epoch_1.pth", tmp_path / "best_model.pth", replaceable=is_shards)
    assert contents(tmp_path / "best_model.pth") == contents(tmp_path / "checkpoint_epoch_1.pth")
    assert (tmp_path / "best_model.pth" / "meta.pt").samefile(tmp_path / "checkpoint_epoch_1.pth" / "meta.pt")


def test_a_kill_between_the_two_names_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    write_folder(path, "old")
    rename = os.rename

    class Killed(BaseException):
        pass

    def rename_and_die(source: Path, target: Path) -> None:
        rename(source, target)
        if str(target).endswith(".old"):
            monkeypatch.undo()
            raise Killed

    monkeypatch.setattr(os, "rename", rename_and_die)
    with pytest.raises(Killed):
        write_folder(path, "new")
    assert not path.exists()
    assert place_of(path).name == f".latest_checkpoint.pth.{os.getpid()}.old"
    assert contents(place_of(path)) == {"meta.pt": "old", ".metadata": "old"}


def test_a_folder_of_the_user_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    path.mkdir()
    (path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(OSError):  # noqa: PT011 - each system has its own
        write_folder(path, "new")
    assert contents(path) == {"mine": "mine"}
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_word_from_the_caller_no_folder_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "latest_checkpoint.pth"
    write_folder(path, "old")
    with pytest.raises(OSError), staged(path) as temporary:  # noqa: PT011 - each system has its own
        temporary.write_text("new", encoding="utf-8")
    assert contents(path) == {"meta.pt": "old", ".metadata": "old"}
    assert list(tmp_path.iterdir()) == [path]
