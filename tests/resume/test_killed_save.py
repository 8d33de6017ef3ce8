"""The save that a kill cut short is finished when its run is resumed: the file gets the names that it lacks."""

import os
from pathlib import Path

import pytest

from resume import ResumeError, choose, read_arguments
from resume.decision import Decision
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def killed_save(folder: Path, **changes: object) -> Decision:
    """The newest checkpoint of a run whose last save wrote the file of epoch 4 and linked no further name."""
    checkpoint_folders.save(folder / "best_model.pth", 4, best_epoch=4, best_step=40, **changes)
    (folder / "interrupted_checkpoint.pth").unlink()
    return choose(read_arguments(["--lang=en", "--ckpt_path=auto"]))


def epoch_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("checkpoint_epoch_*"))


def test_a_killed_save_gets_the_names_that_it_lacks_before_training(folder: Path) -> None:
    carry_out(killed_save(folder), every_n_epochs=2, keep_last=2)
    for name in ("latest_checkpoint.pth", "checkpoint_epoch_4.pth"):
        assert (folder / name).samefile(folder / "best_model.pth")
    assert epoch_files(folder) == ["checkpoint_epoch_3.pth", "checkpoint_epoch_4.pth"]


def test_a_killed_save_of_an_epoch_without_a_file_gets_none(folder: Path) -> None:
    carry_out(killed_save(folder), every_n_epochs=3)
    assert (folder / "latest_checkpoint.pth").samefile(folder / "best_model.pth")
    assert epoch_files(folder) == [f"checkpoint_epoch_{epoch}.pth" for epoch in (1, 2, 3)]


def test_a_killed_save_within_an_epoch_gets_the_name_of_latest_alone(folder: Path) -> None:
    carry_out(killed_save(folder, epoch_done=False, batch=9), keep_last=1)
    assert (folder / "latest_checkpoint.pth").samefile(folder / "best_model.pth")
    assert epoch_files(folder) == [f"checkpoint_epoch_{epoch}.pth" for epoch in (1, 2, 3)]


def test_a_killed_save_that_changed_meanwhile_is_not_finished(folder: Path) -> None:
    decision = killed_save(folder)
    os.utime(folder / "best_model.pth", (1, 1))
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match=r"has changed.*Nothing was moved\."):
        carry_out(decision, keep_last=1)
    assert checkpoint_folders.snapshot(folder) == before


def test_an_old_epoch_file_that_cannot_be_deleted_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unlink = Path.unlink

    def refuse_old(self: Path, missing_ok: bool = False) -> None:
        if self.name == "checkpoint_epoch_1.pth":
            raise PermissionError(13, "Permission denied", str(self))
        unlink(self, missing_ok)

    decision = killed_save(folder)
    monkeypatch.setattr(Path, "unlink", refuse_old)
    carry_out(decision, keep_last=1)
    assert epoch_files(folder) == ["checkpoint_epoch_1.pth", "checkpoint_epoch_4.pth"]
    assert "checkpoint_epoch_1.pth: cannot be deleted (Permission denied)." in capsys.readouterr().out
