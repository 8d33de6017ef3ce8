import os
from pathlib import Path

import pytest
import run_files

from resume.durable import link, link_softly, write_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return run_files.fill(tmp_path / "checkpoints")


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
    chosen = folder / "chosen.pth"
    try:
        chosen.symlink_to("checkpoint_epoch_1.pth")
    except OSError:
        pytest.skip("this system allows no symbolic links")
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
    assert run_files.snapshot(tmp_path) == {"note.json": b"before"}


def test_a_symbolic_link_is_replaced_and_never_its_goal(tmp_path: Path) -> None:
    (tmp_path / "goal").write_bytes(b"mine")
    link_softly(tmp_path / "name", "goal")
    link_softly(tmp_path / "name", "other")
    assert (tmp_path / "name").readlink() == Path("other")
    assert (tmp_path / "goal").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2
