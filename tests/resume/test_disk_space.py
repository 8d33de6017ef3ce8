import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.decision import Archive, Fresh, Resume, StartOver
from resume.disk_space import require_space
from resume.system.errors import ResumeError
from tests.helpers import checkpoint_folders
from tests.helpers.shard_folders import save_shards

MEGABYTE = 2**20


def test_a_checkpoint_that_fits_is_fine_also_in_a_folder_that_is_yet_to_be_made(small_disk: Path) -> None:
    require_space(Fresh(small_disk / "runs" / "new"), 3 * MEGABYTE, kept=0)


def test_a_checkpoint_that_does_not_fit_is_refused_with_both_sizes(small_disk: Path) -> None:
    with pytest.raises(ResumeError, match=r"this disk has 4\.2 MB free, but one checkpoint takes 5\.2 MB"):
        require_space(Fresh(small_disk), 5 * MEGABYTE, kept=0)


def test_what_starting_over_deletes_counts_as_free_and_linked_files_once(small_disk: Path) -> None:
    latest = small_disk / "latest_checkpoint.pth"
    latest.write_bytes(bytes(3 * MEGABYTE))
    os.link(latest, small_disk / "best_model.pth")
    files = stamps(small_disk, read_catalog(small_disk).owned)
    require_space(StartOver(small_disk, files), 4 * MEGABYTE - 4096, kept=0)
    with pytest.raises(ResumeError):
        require_space(Fresh(small_disk), 4 * MEGABYTE - 4096, kept=0)
    with pytest.raises(ResumeError):
        require_space(StartOver(small_disk, files), 5 * MEGABYTE, kept=0)


def test_a_file_that_keeps_another_name_frees_nothing(small_disk: Path) -> None:
    latest = small_disk / "latest_checkpoint.pth"
    latest.write_bytes(bytes(3 * MEGABYTE))
    os.link(latest, small_disk / "my_backup.pth")
    files = stamps(small_disk, ["latest_checkpoint.pth"])
    with pytest.raises(ResumeError):
        require_space(StartOver(small_disk, files), 2 * MEGABYTE, kept=0)


def test_looking_for_room_leaves_nothing_behind(tmp_path: Path) -> None:
    require_space(Fresh(tmp_path / "runs" / "new"), 1, kept=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["taken", "taken/runs", "dangling"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "taken").write_bytes(b"mine")
    try:
        (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("this system allows no symbolic links")
    with pytest.raises(ResumeError, match=r"files cannot be written there \(.* is not a folder\)"):
        require_space(Fresh(tmp_path / folder), 1, kept=0)


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that even root cannot write")
    with pytest.raises(ResumeError, match=r"/proc/runs: files cannot be written there \("):
        require_space(Fresh(Path("/proc/runs")), 1, kept=0)


def test_a_file_system_without_room_for_the_files_of_a_save_is_refused_and_nothing_is_left_on_it(
    mounted: Callable[[str], Path],
) -> None:
    disk = mounted("size=4m,nr_inodes=12")  # its own folder is one
    require_space(Fresh(disk / "run"), 1, kept=0)
    (disk / "other").touch()
    with pytest.raises(ResumeError, match=r"only 10 of the 11 files .* \(No space left on device\)\. .*df -i"):
        require_space(Fresh(disk / "run"), 1, kept=0)
    assert [path.name for path in disk.iterdir()] == ["other"]


def test_files_that_starting_over_deletes_make_room_for_others(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=4m,nr_inodes=11")
    names = [f"checkpoint_epoch_{number}.pth" for number in range(1, 9)]
    for name in names:
        (disk / name).write_bytes(bytes(1))
    with pytest.raises(ResumeError, match="only 2 of the 10 files"):
        require_space(Fresh(disk), 1, kept=0)
    decision = require_space(StartOver(disk, stamps(disk, names)), 1, kept=0)
    assert isinstance(decision, StartOver)
    assert decision.at_once


def test_a_disk_that_holds_no_checkpoint_beside_the_earlier_files_makes_starting_over_delete_them_at_once(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "latest_checkpoint.pth").write_bytes(bytes(3 * MEGABYTE))
    decision = StartOver(small_disk, stamps(small_disk, ["latest_checkpoint.pth"]))
    assert require_space(decision, MEGABYTE, kept=0) == decision
    assert capsys.readouterr().out == ""
    assert require_space(decision, 2 * MEGABYTE, kept=0) == replace(decision, at_once=True)
    assert "does not hold both runs: the files will be deleted before training." in capsys.readouterr().out


def test_a_folder_with_the_name_of_a_file_of_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest_checkpoint.pth").mkdir()
    (tmp_path / "archive").mkdir()
    with pytest.raises(ResumeError, match=r"names of files that the program writes: latest_checkpoint\.pth\. Rename"):
        require_space(Fresh(tmp_path), 1, kept=0)


def test_a_folder_of_shards_that_a_killed_save_left_half_written_is_no_obstacle(tmp_path: Path) -> None:
    save_shards(tmp_path / ".latest_checkpoint.pth.7.tmp", 1, is_whole=False)
    require_space(Fresh(tmp_path), 1, kept=0)


def test_later_files_that_do_not_fit_are_a_warning(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_space(Fresh(small_disk), MEGABYTE, kept=2)
    assert capsys.readouterr().out == ""
    require_space(Fresh(small_disk), MEGABYTE, kept=13)
    said = capsys.readouterr().out
    assert "this disk has 4.2 MB free, but the 13 checkpoints that this run has at once in the end take 14 MB" in said


def test_what_a_resumed_run_has_already_needs_no_room_again(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latest = checkpoint_folders.save(small_disk / "latest_checkpoint.pth", 3, config="#" * MEGABYTE)
    os.link(latest, small_disk / "checkpoint_epoch_3.pth")
    checkpoint_folders.save(small_disk / "best_model.pth", 2, config="#" * MEGABYTE)
    require_space(Resume(describe(latest), small_disk), 10 * MEGABYTE, kept=2)
    assert capsys.readouterr().out == ""  # two are there, and there is room for two more of their size
    later = Archive(stamps(small_disk, ["best_model.pth"]), whole_run=False)
    require_space(Resume(describe(latest), small_disk, archive=later), MEGABYTE, kept=3)
    assert "this disk has 2.1 MB free" in capsys.readouterr().out
