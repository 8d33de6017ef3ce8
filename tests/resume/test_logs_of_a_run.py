"""The folder of the loggers goes where its run goes; one without the run's mark is the user's."""

import os
from pathlib import Path

import pytest

from resume import Fresh, Resume, ResumeError, StartOver
from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.menu.layout import deletion_lines
from resume.plan import plan_fresh, plan_resume
from resume.run_files import LOGS, LOGS_MARK
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out
from tests.helpers.checkpoint_folders import OTHER_RUN, RUN, snapshot

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def folder() -> Path:
    made = checkpoint_folders.fill(Path("checkpoints"))
    write_logs(made)
    return made


def write_logs(folder: Path, run_id: str = RUN) -> Path:
    logs = folder / LOGS
    (logs / "lightning_logs" / "version_0").mkdir(parents=True)
    (logs / "lightning_logs" / "version_0" / "metrics.csv").write_text("step\n", encoding="utf-8")
    (logs / LOGS_MARK).write_bytes(f"{run_id}\n".encode())
    return logs


def start_over(folder: Path) -> StartOver:
    return StartOver(folder, stamps(folder, read_catalog(folder).owned))


def resumed(folder: Path, name: str = "latest_checkpoint.pth") -> Resume:
    return plan_resume(describe(folder / name), folder)


def test_starting_over_lists_and_takes_the_logs(folder: Path) -> None:
    assert f"  - {LOGS}/" in deletion_lines(read_catalog(folder).owned)
    carry_out(start_over(folder))
    assert not (folder / LOGS).exists()


@pytest.mark.parametrize("content", [None, b"", b"mine\n", f"{RUN}\nmore".encode(), RUN.upper().encode()])
def test_a_folder_without_the_mark_is_never_touched(folder: Path, content: bytes | None) -> None:
    mark = folder / LOGS / LOGS_MARK
    mark.unlink() if content is None else mark.write_bytes(content)
    before = snapshot(folder / LOGS)
    assert LOGS not in read_catalog(folder).owned
    carry_out(start_over(folder))
    checkpoint_folders.fill(folder)
    carry_out(plan_fresh(folder, read_catalog(folder)))
    assert snapshot(folder / LOGS) == before


def test_a_file_of_that_name_is_never_touched(folder: Path) -> None:
    (folder / LOGS).rename("elsewhere")
    (folder / LOGS).write_text("mine", encoding="utf-8")
    carry_out(start_over(folder))
    assert (folder / LOGS).read_text(encoding="utf-8") == "mine"


def test_a_link_to_logs_goes_and_what_it_leads_to_stays(folder: Path) -> None:
    (folder / LOGS).rename("elsewhere")
    before = snapshot(Path("elsewhere"))
    checkpoint_folders.symlink(folder / LOGS, str(Path("elsewhere").resolve()))
    carry_out(start_over(folder))
    assert not os.path.lexists(folder / LOGS)
    assert snapshot(Path("elsewhere")) == before


def test_a_log_that_was_written_since_the_list_was_shown_stops_everything(folder: Path) -> None:
    decision = start_over(folder)
    (folder / LOGS / "lightning_logs" / "version_0" / "metrics.csv").write_text("step\n1\n", encoding="utf-8")
    before = snapshot(folder)
    with pytest.raises(ResumeError, match=LOGS):
        carry_out(decision)
    assert snapshot(folder) == before


def test_a_new_run_moves_the_logs_of_the_old_one_to_its_archive(folder: Path) -> None:
    before = snapshot(folder / LOGS)
    decision = plan_fresh(folder, read_catalog(folder))
    assert isinstance(decision, Fresh)
    carry_out(decision)
    assert not (folder / LOGS).exists()
    (archived,) = (folder / "archive").iterdir()
    assert snapshot(archived / LOGS) == before


@pytest.mark.parametrize("name", ["latest_checkpoint.pth", "checkpoint_epoch_1.pth"])
def test_a_resumed_run_keeps_its_logs(folder: Path, name: str) -> None:
    before = snapshot(folder / LOGS)
    carry_out(resumed(folder, name))
    assert snapshot(folder / LOGS) == before


def test_a_run_that_is_resumed_from_a_copy_elsewhere_keeps_its_logs(folder: Path) -> None:
    checkpoint_folders.save(Path("copy.pth"), 2)
    before = snapshot(folder / LOGS)
    carry_out(plan_resume(describe(Path("copy.pth")), folder))
    assert snapshot(folder / LOGS) == before


def test_the_logs_of_another_run_make_way(folder: Path) -> None:
    checkpoint_folders.save(Path("other.pth"), 2, run_id=OTHER_RUN)
    carry_out(plan_resume(describe(Path("other.pth")), folder))
    assert not (folder / LOGS).exists()


def test_what_a_killed_copy_of_logs_left_is_removed(folder: Path) -> None:
    (folder / LOGS).rename(folder / f".{LOGS}.7.tmp")
    write_logs(folder)
    carry_out(resumed(folder))
    assert not (folder / f".{LOGS}.7.tmp").exists()
    assert (folder / LOGS).exists()
