import os
import time
from pathlib import Path

import pytest

from resume.system import durable_files
from resume.system.durable_files import link, link_softly, staged, write_text
from tests.helpers import checkpoint_folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkpoint_folders.fill(tmp_path / "checkpoints")


def test_a_leftover_temporary_link_is_never_written_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = folder / "best_model.pth"
    os.link(folder / "checkpoint_epoch_2.pth", folder / f".{target.name}.{os.getpid()}.tmp")
    before = (folder / "checkpoint_epoch_2.pth").read_bytes()

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    link(folder / "checkpoint_epoch_1.pth", target)
    assert (folder / "checkpoint_epoch_2.pth").read_bytes() == before
    assert target.read_bytes() == (folder / "checkpoint_epoch_1.pth").read_bytes()


def test_the_further_name_of_a_link_is_a_file_of_its_own(folder: Path) -> None:
    chosen = checkpoint_folders.symlink(folder / "chosen.pth", "checkpoint_epoch_1.pth")
    link(chosen, folder / "best_model.pth")
    assert not (folder / "best_model.pth").is_symlink()
    assert (folder / "best_model.pth").samefile(folder / "checkpoint_epoch_1.pth")


@pytest.mark.parametrize("refused", ["fsync", "replace"])
def test_a_note_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    write_text(tmp_path / "note.json", "before")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, refused, refuse)
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "note.json", "after")
    assert checkpoint_folders.snapshot(tmp_path) == {"note.json": b"before"}


def test_a_symbolic_link_is_replaced_and_never_its_goal(tmp_path: Path) -> None:
    (tmp_path / "goal").write_bytes(b"mine")
    link_softly(tmp_path / "name", "goal")
    link_softly(tmp_path / "name", "other")
    assert (tmp_path / "name").readlink() == Path("other")
    assert (tmp_path / "goal").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


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


def refused_by_windows(path: Path) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file", str(path))
    error.winerror = 32  # type: ignore[attr-defined, unused-ignore]
    return error


@pytest.fixture
def held_open(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """On a simulated Windows, some program has the file open for three pauses; the pauses that were made."""
    pauses: list[float] = []
    replace = os.replace

    def refuse_or_replace(source: Path, target: Path) -> None:
        if len(pauses) < 3:
            raise refused_by_windows(target)
        replace(source, target)

    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(os, "replace", refuse_or_replace)
    return pauses


def test_a_file_that_is_open_for_a_moment_is_replaced_then(tmp_path: Path, held_open: list[float]) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    write_text(tmp_path / "a.txt", "new")
    assert len(held_open) == 3
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "new"


def test_a_file_that_stays_open_is_an_error_that_leaves_it_as_it_was(
    tmp_path: Path, held_open: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_files, "PATIENCE", 0.0)
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    with pytest.raises(PermissionError):
        write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old"


def test_a_refusal_of_another_system_is_not_waited_for(
    tmp_path: Path, held_open: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        write_text(tmp_path / "a.txt", "new")
    assert held_open == []
