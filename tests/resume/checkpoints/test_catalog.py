from datetime import timedelta
from pathlib import Path

import pytest

from resume import ResumeError
from resume.checkpoints.catalog import read_catalog, stamp
from resume.checkpoints.description import describe
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.verification import read_run
from tests.helpers import checkpoint_folders


def test_a_folder_of_a_run_lists_each_kind_once_in_the_menus_order(tmp_path: Path) -> None:
    found = read_catalog(checkpoint_folders.fill(tmp_path, 12))
    assert [one.kind for one in found.shown] == ["latest", "interrupted", "best", "epoch"]
    assert [one.epoch for one in found.shown] == [12, 12, 2, 12]
    assert found.shown[-1].path.name == "checkpoint_epoch_12.pth"
    assert found.count == 15


@pytest.mark.parametrize("make", [False, True])
def test_an_empty_or_missing_folder_holds_nothing(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "checkpoints"
    if make:
        folder.mkdir()
    found = read_catalog(folder)
    assert (found.shown, found.count, found.newest, found.owned) == ((), 0, None, ())


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints"
    file.write_text("", encoding="utf-8")
    with pytest.raises(ResumeError, match="cannot be read as a folder"):
        read_catalog(file)


def test_everything_about_a_checkpoint_is_described(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 15, batch=4, score=None)
    found = describe(path, "latest")
    assert found.damage is None
    assert (found.epoch, found.epoch_done, found.batch, found.global_step) == (15, False, 4, 144)
    assert found.epochs_done == pytest.approx(14.4)
    assert found.saved_at == checkpoint_folders.START + timedelta(minutes=144)
    assert (found.score, found.monitor, found.run_id) == (None, "val/iou", checkpoint_folders.RUN)
    assert (found.size, found.image_path) == (path.stat().st_size, "Data/images")


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "3"},
        {"global_step": None},
        {"saved_at": "yesterday"},
        {"saved_at": "0001-01-01T00:00:00+14:00"},
        {"data": None},
        {"data": {"image_path": "x" * 100_000, "gt_path": None}},
        {"epoch": True},
        {"monitor": "x" * 100_000},
        {"monitor": None},
    ],
)
def test_an_entry_of_the_wrong_type_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    found = describe(checkpoint_folders.save(tmp_path / "a.pth", 3, **change))
    assert found.damage is not None
    assert "entry" in found.damage


def test_a_damaged_epoch_file_is_passed_over_for_the_newest_sound_one(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 4)
    (tmp_path / "latest_checkpoint.pth").unlink()
    checkpoint_folders.damage(tmp_path / "checkpoint_epoch_4.pth")
    found = read_catalog(tmp_path).find("epoch")
    assert found is not None
    assert (found.path.name, found.damage) == ("checkpoint_epoch_3.pth", None)


def test_when_all_epoch_files_are_damaged_the_last_one_is_shown_so(tmp_path: Path) -> None:
    for epoch in (1, 2, 10):
        checkpoint_folders.damage(checkpoint_folders.save(tmp_path / f"checkpoint_epoch_{epoch}.pth", epoch))
    found = read_catalog(tmp_path)
    assert found.shown[0].path.name == "checkpoint_epoch_10.pth"
    assert found.shown[0].damage == "incomplete file"
    assert found.newest is None


def test_ten_thousand_epoch_files_are_not_opened_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = checkpoint_folders.save(tmp_path / "checkpoint_epoch_1.pth", 1)
    for epoch in range(2, 10_000):
        (tmp_path / f"checkpoint_epoch_{epoch}.pth").hardlink_to(first)
    checkpoint_folders.save(tmp_path / "checkpoint_epoch_10000.pth", 10_000)
    opened: list[Path] = []

    def note_and_read(path: Path) -> RunEntry:
        opened.append(path)
        return read_run(path)

    monkeypatch.setattr("resume.checkpoints.description.read_run", note_and_read)
    found = read_catalog(tmp_path)
    assert found.count == 10_000
    assert [path.name for path in opened] == ["checkpoint_epoch_10000.pth"]


def test_epoch_files_of_another_run_are_passed_over_but_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 5)
    checkpoint_folders.save(tmp_path / "checkpoint_epoch_5.pth", 5)
    for epoch in range(6, 10):
        checkpoint_folders.save(tmp_path / f"checkpoint_epoch_{epoch}.pth", epoch, run_id=checkpoint_folders.OTHER_RUN)
    found = read_catalog(tmp_path).find("epoch")
    assert found is not None
    assert found.epoch == 5
    monkeypatch.setattr("resume.checkpoints.catalog.SEARCHED_EPOCH_FILES", 2)
    found = read_catalog(tmp_path).find("epoch")
    assert found is not None
    assert found.epoch == 9


def test_damaged_epoch_files_are_not_opened_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for epoch in range(1, 10):
        checkpoint_folders.damage(checkpoint_folders.save(tmp_path / f"checkpoint_epoch_{epoch}.pth", epoch))
    checkpoint_folders.save(tmp_path / "checkpoint_epoch_1.pth", 1)
    monkeypatch.setattr("resume.checkpoints.catalog.SEARCHED_EPOCH_FILES", 3)
    found = read_catalog(tmp_path).shown[0]
    assert (found.path.name, found.damage) == ("checkpoint_epoch_9.pth", "incomplete file")


def test_newest_is_the_furthest_step_whatever_the_time_of_the_file(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 3, interrupted=False)
    checkpoint_folders.save(tmp_path / "interrupted_checkpoint.pth", 4, batch=2, saved_at="2020-01-01T00:00:00+00:00")
    newest = read_catalog(tmp_path).newest
    assert newest is not None
    assert newest.kind == "interrupted"


def test_at_equal_steps_the_one_saved_last_is_newest(tmp_path: Path) -> None:
    checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 3)
    checkpoint_folders.save(tmp_path / "interrupted_checkpoint.pth", 3, saved_at="2027-01-01T00:00:00+00:00")
    newest = read_catalog(tmp_path).newest
    assert newest is not None
    assert newest.kind == "interrupted"


def test_a_further_checkpoint_of_another_run_is_not_the_newest(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 3)
    checkpoint_folders.save(tmp_path / "best_model.pth", 90, run_id=checkpoint_folders.OTHER_RUN)
    newest = read_catalog(tmp_path).newest
    assert newest is not None
    assert (newest.kind, newest.run_id) == ("latest", checkpoint_folders.RUN)


def test_a_folder_of_an_owned_name_is_not_the_programs(tmp_path: Path) -> None:
    (tmp_path / "latest_checkpoint.pth").mkdir()
    assert read_catalog(tmp_path).owned == ()


def test_a_dangling_link_is_shown_as_damaged(tmp_path: Path) -> None:
    link = tmp_path / "latest_checkpoint.pth"
    try:
        link.symlink_to(tmp_path / "gone.pth")
    except OSError:
        pytest.skip("this system allows no symbolic links")
    found = read_catalog(tmp_path)
    assert found.shown[0].damage


def test_a_stamp_tells_another_size_time_and_absence(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 1)
    before = stamp(tmp_path, path.name)
    assert stamp(tmp_path, path.name) == before
    path.write_bytes(path.read_bytes() + b"x")
    assert stamp(tmp_path, path.name) != before
    path.unlink()
    assert stamp(tmp_path, path.name) is None
