from pathlib import Path

import pytest

from resume import ResumeError
from resume.checkpoints.catalog import read_catalog
from resume.plan import plan_fresh
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def test_a_file_that_cannot_be_moved_leaves_all_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = plan_fresh(folder, read_catalog(folder))
    before = checkpoint_folders.snapshot(folder)
    rename = Path.rename

    def refuse_latest(self: Path, target: Path) -> Path:
        if self.parent == folder and self.name == "latest_checkpoint.pth":
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_latest)
    with pytest.raises(ResumeError, match=r"latest_checkpoint\.pth: cannot be moved \(Permission denied\)"):
        carry_out(decision)
    assert checkpoint_folders.snapshot(folder) == before


def test_a_file_in_the_place_of_the_archive_is_an_error(folder: Path) -> None:
    (folder / "archive").write_bytes(b"mine")
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match=r"archive.*cannot be created"):
        carry_out(plan_fresh(folder, read_catalog(folder)))
    assert checkpoint_folders.snapshot(folder) == before


def test_two_archives_within_a_second_get_two_names() -> None:
    folder = Path("checkpoints")
    for epochs in (3, 2):
        carry_out(plan_fresh(checkpoint_folders.fill(folder, epochs), read_catalog(folder)))
    assert sorted(len(checkpoint_folders.snapshot(path)) for path in (folder / "archive").iterdir()) == [8, 9]


def test_an_archived_relative_link_still_leads_to_its_file(folder: Path) -> None:
    kept = checkpoint_folders.save(Path("store/big.pth"), 3)
    checkpoint_folders.symlink(folder / "latest_checkpoint.pth", "../store/big.pth")
    checkpoint_folders.symlink(folder / "best_model.pth", "checkpoint_epoch_2.pth")
    carry_out(plan_fresh(folder, read_catalog(folder)))
    (archived,) = (folder / "archive").iterdir()
    assert (archived / "latest_checkpoint.pth").samefile(kept)
    assert (archived / "best_model.pth").samefile(archived / "checkpoint_epoch_2.pth")


def test_a_dangling_link_in_the_place_of_the_archive_is_an_error(folder: Path) -> None:
    checkpoint_folders.symlink(folder / "archive", "nowhere")
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match=r"archive.*cannot be created"):
        carry_out(plan_fresh(folder, read_catalog(folder)))
    assert checkpoint_folders.snapshot(folder) == before


def refuse_renames(monkeypatch: pytest.MonkeyPatch, refused: dict[Path, BaseException]) -> None:
    rename = Path.rename

    def rename_or_refuse(self: Path, target: Path) -> Path:
        error = next((error for path, error in refused.items() if self.parts[-len(path.parts) :] == path.parts), None)
        if error is not None:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_or_refuse)


def test_an_interrupt_while_files_move_leaves_all_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = plan_fresh(folder, read_catalog(folder))
    before = checkpoint_folders.snapshot(folder)
    refuse_renames(monkeypatch, {folder / "latest_checkpoint.pth": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        carry_out(decision)
    assert checkpoint_folders.snapshot(folder) == before
