import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from resume import Fresh, Quit, ResumeError, StartOver, choose, read_arguments
from resume.checkpoints.catalog import read_catalog, stamps
from resume.configuration import run_settings
from resume.decision import Decision, Resume
from resume.plan import plan_fresh, plan_resume
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def start_over(folder: Path) -> StartOver:
    return StartOver(folder, stamps(folder, read_catalog(folder).owned))


def archived(folder: Path) -> list[Path]:
    """The folders in the archive, the oldest first."""
    return sorted((folder / "archive").iterdir())


def by_flag(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv]))


def test_starting_over_deletes_exactly_what_was_confirmed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("notes.txt", "mine.pth", "archive/old/latest_checkpoint.pth", "sub/best_model.pth"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"mine")
    carry_out(start_over(folder))
    left = set(checkpoint_folders.snapshot(folder))
    names = ("notes.txt", "mine.pth", "archive/old/latest_checkpoint.pth", "sub/best_model.pth")
    assert left == {str(Path(name)) for name in names}
    will = "9 files will be deleted after the new run's first save."
    assert capsys.readouterr().out == f"{will}\nStarting a new run...\nDeleted 9 files.\n"


def test_starting_over_removes_a_link_and_not_its_target(folder: Path) -> None:
    target = Path("precious.pth")
    target.write_bytes(b"mine")
    (folder / "latest_checkpoint.pth").unlink()
    try:
        (folder / "latest_checkpoint.pth").symlink_to(target.resolve())
    except OSError:
        pytest.skip("this system allows no symbolic links")
    carry_out(start_over(folder))
    assert target.read_bytes() == b"mine"
    assert checkpoint_folders.snapshot(folder) == {}


@pytest.mark.parametrize("change", ["grown", "touched", "gone", "new"])
def test_what_changed_since_it_was_shown_stops_everything(folder: Path, change: str) -> None:
    decision = start_over(folder)
    changed = folder / "checkpoint_epoch_3.pth"
    if change == "grown":
        changed = checkpoint_folders.save(changed, 3, config="longer" * 10)
    elif change == "touched":
        os.utime(changed, (1, 1))
    elif change == "gone":
        changed.unlink()
    else:
        changed = checkpoint_folders.save(folder / "checkpoint_epoch_4.pth", 4)
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match=rf"has changed.*{changed.name}.*No file was deleted\."):
        carry_out(decision)
    assert checkpoint_folders.snapshot(folder) == before


def test_a_new_run_moves_the_old_one_and_names_the_command_that_continues_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoint_folders.snapshot(folder)
    carry_out(plan_fresh(folder, read_catalog(folder)))
    out = capsys.readouterr().out
    (target,) = archived(folder)
    assert re.fullmatch(r"checkpoints/archive/\d{8}T\d{6}Z", target.as_posix())
    assert f"Moved the earlier run, 9 files, to {target} (" in out
    assert re.match(r"9 files of the earlier run \(.*\) will be archived after the first save\.\nStarting a new", out)
    assert checkpoint_folders.snapshot(target) == before
    assert {path.name for path in folder.iterdir()} == {"archive"}
    command = re.search(r"To continue it: (.*)", out)
    assert command is not None
    python, script, *argv = shlex.split(command[1], posix=os.name != "nt")
    assert (python, script) == ("python", "train.py")
    decision = by_flag(*argv)
    assert decision.checkpoint_dir == folder
    assert isinstance(decision, Resume)
    assert run_settings(decision).file == target / "config.yaml"


def test_an_archived_run_continues_in_the_folder_and_the_present_one_is_archived(folder: Path) -> None:
    carry_out(plan_fresh(folder, read_catalog(folder)))
    (first,) = archived(folder)
    checkpoint_folders.fill(folder, 2, run_id=checkpoint_folders.OTHER_RUN)
    carry_out(by_flag("--ckpt_path", str(first / "latest_checkpoint.pth")))
    (second,) = set(archived(folder)) - {first}
    assert len(checkpoint_folders.snapshot(second)) == 8
    assert {path.name for path in folder.iterdir()} == {"archive", "best_model.pth", "latest_checkpoint.pth"}
    assert (folder / "best_model.pth").samefile(first / "checkpoint_epoch_2.pth")
    assert (folder / "latest_checkpoint.pth").samefile(first / "latest_checkpoint.pth")


def test_an_archive_of_damaged_files_says_that_nothing_can_be_continued(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint_folders.damage(checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 3))
    carry_out(by_flag("--no_interactive"))
    assert "It holds no checkpoint to continue from." in capsys.readouterr().out


def test_links_to_one_file_count_once_in_the_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    big = {"config": "x" * 100_000}
    for path in folder.glob("*.pth"):
        path.unlink()
    checkpoint_folders.fill(folder, 1, interrupted=False, **big)
    carry_out(plan_fresh(folder, read_catalog(folder)))
    assert "(101 kB)" in capsys.readouterr().out


def test_rewinding_moves_later_files_and_puts_the_best_one_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out(by_flag("--ckpt_path", str(folder / "checkpoint_epoch_1.pth")))
    (target,) = archived(folder)
    assert set(checkpoint_folders.snapshot(target)) == {
        "best_model.pth",
        "checkpoint_epoch_2.pth",
        "checkpoint_epoch_3.pth",
        "interrupted_checkpoint.pth",
        "latest_checkpoint.pth",
    }
    left = {path.name for path in folder.iterdir()}
    assert (folder / "latest_checkpoint.pth").samefile(folder / "checkpoint_epoch_1.pth")
    assert left == {
        "latest_checkpoint.pth",
        "archive",
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "config.yaml",
        "training_history.csv",
        "training_history.png",
    }
    assert (folder / "best_model.pth").read_bytes() == (folder / "checkpoint_epoch_1.pth").read_bytes()
    out = capsys.readouterr().out
    assert f"Moved 5 later files of this run to {target}" in out
    assert "Restored best_model.pth from checkpoint_epoch_1.pth." in out
    assert "new run" not in out


def test_where_the_file_system_has_no_links_the_best_file_is_copied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    carry_out(by_flag("--ckpt_path", str(folder / "checkpoint_epoch_1.pth")))
    assert (folder / "best_model.pth").read_bytes() == (folder / "checkpoint_epoch_1.pth").read_bytes()
    assert not (folder / "best_model.pth").samefile(folder / "checkpoint_epoch_1.pth")
    assert not list(folder.glob(".*"))


def test_a_full_disk_while_the_best_file_is_copied_leaves_all_in_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = checkpoint_folders.snapshot(folder)
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(ResumeError, match=r"No space left"):
        carry_out(by_flag("--ckpt_path", str(folder / "checkpoint_epoch_1.pth")))
    assert checkpoint_folders.snapshot(folder) == before


def test_resuming_from_the_newest_touches_and_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = checkpoint_folders.snapshot(folder)
    carry_out(by_flag("--ckpt_path=latest"))
    assert checkpoint_folders.snapshot(folder) == before
    assert capsys.readouterr().out == ""


def test_a_checkpoint_that_is_gone_stops_the_resume(folder: Path) -> None:
    decision = by_flag("--ckpt_path", str(folder / "checkpoint_epoch_1.pth"))
    (folder / "checkpoint_epoch_1.pth").unlink()
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match="the file is gone"):
        carry_out(decision)
    assert checkpoint_folders.snapshot(folder) == before


def test_a_later_file_that_changed_stops_the_resume(folder: Path) -> None:
    decision = by_flag("--ckpt_path", str(folder / "checkpoint_epoch_1.pth"))
    os.utime(folder / "latest_checkpoint.pth", (1, 1))
    with pytest.raises(ResumeError, match=r"has changed.*Nothing was moved\."):
        carry_out(decision)


def test_a_chosen_file_that_changed_stops_the_resume(folder: Path) -> None:
    decision = by_flag("--ckpt_path=best")
    (folder / "best_model.pth").unlink()
    checkpoint_folders.save(folder / "best_model.pth", 3)
    before = checkpoint_folders.snapshot(folder)
    with pytest.raises(ResumeError, match=r"best_model\.pth has changed since it was shown.*Nothing was moved\."):
        carry_out(decision)
    assert checkpoint_folders.snapshot(folder) == before


def test_quitting_touches_and_says_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = checkpoint_folders.snapshot(folder)
    carry_out(Quit(folder))
    assert checkpoint_folders.snapshot(folder) == before
    assert capsys.readouterr().out == ""


def test_a_first_run_only_says_that_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    carry_out(Fresh(Path("checkpoints")))
    assert capsys.readouterr().out == "Starting a new run...\n"
    assert not Path("checkpoints").exists()


def test_a_run_of_another_folder_brings_its_best_file_along(folder: Path) -> None:
    carry_out(plan_resume(read_catalog(folder).shown[0], Path("new/place")))
    assert (Path("new/place") / "best_model.pth").samefile(folder / "best_model.pth")


def test_every_name_of_the_chosen_file_stays(folder: Path) -> None:
    other = checkpoint_folders.save(folder / "mine.pth", 5, run_id=checkpoint_folders.OTHER_RUN)
    (folder / "checkpoint_epoch_2.pth").unlink()
    os.link(other, folder / "checkpoint_epoch_2.pth")
    carry_out(by_flag("--ckpt_path", str(other)))
    (target,) = archived(folder)
    assert (folder / "checkpoint_epoch_2.pth").samefile(other)
    assert not (target / "checkpoint_epoch_2.pth").exists()


def test_the_file_that_a_chosen_link_leads_to_stays(folder: Path) -> None:
    checkpoint_folders.save(folder / "checkpoint_epoch_2.pth", 2, run_id=checkpoint_folders.OTHER_RUN)
    carry_out(by_flag("--ckpt_path", str(checkpoint_folders.symlink(folder / "mine.pth", "checkpoint_epoch_2.pth"))))
    assert (folder / "mine.pth").exists()


def test_a_folder_that_cannot_be_made_is_one_clear_message(folder: Path) -> None:
    Path("taken").write_bytes(b"mine")
    decision = plan_resume(read_catalog(folder).shown[0], Path("elsewhere"))
    with pytest.raises(ResumeError, match=r"taken.runs: cannot be read as a folder"):
        carry_out(replace(decision, checkpoint_dir=Path("taken/runs")))
