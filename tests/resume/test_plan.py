from pathlib import Path

import pytest

from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.description import describe
from resume.decision import Archive, Resume
from resume.plan import folder_for, plan_fresh, plan_resume
from resume.system.errors import ResumeError
from tests.helpers import checkpoint_folders

LATER_THAN_1 = {
    "best_model.pth",
    "checkpoint_epoch_2.pth",
    "checkpoint_epoch_3.pth",
    "interrupted_checkpoint.pth",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkpoint_folders.fill(tmp_path / "checkpoints")


def names(archive: Archive | None) -> set[str]:
    return set() if archive is None else {file.name for file in archive.files}


def plan(path: Path, folder: Path) -> Resume:
    return plan_resume(describe(path), folder)


def test_going_on_from_the_newest_moves_nothing(folder: Path) -> None:
    (folder / "interrupted_checkpoint.pth").unlink()
    decision = plan(folder / "latest_checkpoint.pth", folder)
    assert decision.archive is None
    assert decision.best_from is None
    assert decision.config_file == folder / "config.yaml"


def test_going_on_from_an_older_checkpoint_archives_what_is_later(folder: Path) -> None:
    decision = plan(folder / "checkpoint_epoch_1.pth", folder)
    assert names(decision.archive) == {*LATER_THAN_1, "latest_checkpoint.pth"}
    assert decision.archive is not None
    assert not decision.archive.whole_run
    assert decision.best_from == folder / "checkpoint_epoch_1.pth"


def test_of_a_checkpoint_within_an_epoch_that_epochs_file_is_later(folder: Path) -> None:
    decision = plan(checkpoint_folders.save(folder / "interrupted_checkpoint.pth", 3, batch=4), folder)
    assert names(decision.archive) == {"checkpoint_epoch_3.pth", "latest_checkpoint.pth"}


def test_of_a_checkpoint_within_an_early_epoch_all_files_from_that_epoch_on_are_later(folder: Path) -> None:
    decision = plan(checkpoint_folders.save(folder / "interrupted_checkpoint.pth", 2, batch=4), folder)
    later = {"best_model.pth", "checkpoint_epoch_2.pth", "checkpoint_epoch_3.pth", "latest_checkpoint.pth"}
    assert names(decision.archive) == later


def test_the_chosen_file_itself_never_makes_way(folder: Path) -> None:
    decision = plan(checkpoint_folders.save(folder / "checkpoint_epoch_9.pth", 2), folder)
    assert "checkpoint_epoch_9.pth" not in names(decision.archive)


def test_the_best_file_of_an_earlier_epoch_stays_and_is_not_put_back(folder: Path) -> None:
    decision = plan(folder / "checkpoint_epoch_2.pth", folder)
    assert "best_model.pth" not in names(decision.archive)
    assert decision.best_from is None


def test_a_lost_best_file_is_put_back_from_the_epoch_files(folder: Path) -> None:
    (folder / "best_model.pth").unlink()
    facts = {"best_epoch": 2, "best_step": 20}
    decision = plan(checkpoint_folders.save(folder / "latest_checkpoint.pth", 3, **facts), folder)
    assert decision.best_from == folder / "checkpoint_epoch_2.pth"


def test_an_epoch_file_of_another_step_does_not_pass_for_the_best(folder: Path) -> None:
    (folder / "best_model.pth").unlink()
    decision = plan(checkpoint_folders.save(folder / "latest_checkpoint.pth", 3, best_epoch=2, best_step=17), folder)
    assert decision.best_from is None


def test_a_damaged_latest_makes_way(folder: Path) -> None:
    (folder / "interrupted_checkpoint.pth").unlink()
    (folder / "latest_checkpoint.pth").unlink()
    checkpoint_folders.damage(checkpoint_folders.save(folder / "latest_checkpoint.pth", 3))
    decision = plan(folder / "checkpoint_epoch_3.pth", folder)
    assert names(decision.archive) == {"latest_checkpoint.pth"}


def test_a_checkpoint_from_elsewhere_archives_the_present_run_whole(folder: Path, tmp_path: Path) -> None:
    elsewhere = checkpoint_folders.save(tmp_path / "backup" / "good.pth", 2)
    decision = plan(elsewhere, folder)
    assert decision.archive is not None
    assert decision.archive.whole_run
    assert names(decision.archive) == set(read_catalog(folder).owned)
    assert decision.archive.continue_with == "latest_checkpoint.pth"
    assert decision.best_from == elsewhere


def test_the_best_file_comes_along_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    decision = plan(folder / "latest_checkpoint.pth", tmp_path / "other")
    assert decision.archive is None
    assert decision.best_from == folder / "checkpoint_epoch_2.pth"
    (folder / "checkpoint_epoch_2.pth").unlink()
    assert plan(folder / "latest_checkpoint.pth", tmp_path / "other").best_from == folder / "best_model.pth"


def test_a_checkpoint_of_another_run_in_the_folder_stays_and_the_rest_makes_way(folder: Path) -> None:
    path = checkpoint_folders.save(folder / "old.pth", 2, run_id=checkpoint_folders.OTHER_RUN)
    decision = plan(path, folder)
    assert names(decision.archive) == set(read_catalog(folder).owned)
    path = checkpoint_folders.save(folder / "checkpoint_epoch_1.pth", 1, run_id=checkpoint_folders.OTHER_RUN)
    assert names(plan(path, folder).archive) == set(read_catalog(folder).owned) - {path.name}


def test_a_best_file_that_makes_way_itself_is_not_put_back(folder: Path) -> None:
    other = {"run_id": checkpoint_folders.OTHER_RUN, "best_epoch": 1, "best_step": 10}
    checkpoint_folders.save(folder / "checkpoint_epoch_1.pth", 1, **other)
    decision = plan(checkpoint_folders.save(folder / "checkpoint_epoch_2.pth", 2, **other), folder)
    assert "checkpoint_epoch_1.pth" in names(decision.archive)
    assert decision.best_from is None


def test_a_new_run_archives_everything_of_the_old_one(folder: Path) -> None:
    (folder / ".latest_checkpoint.pth.1.tmp").write_bytes(b"half")
    (folder / "notes.txt").write_bytes(b"mine")
    (folder / "mine.pth").write_bytes(b"mine")
    archive = plan_fresh(folder, read_catalog(folder)).archive
    assert archive is not None
    stale = ".latest_checkpoint.pth.1.tmp"  # not worth keeping; removed once the new run begins
    assert names(archive) == {path.name for path in folder.iterdir()} - {"notes.txt", "mine.pth", stale}
    assert archive.files[-1].name == "latest_checkpoint.pth"


def test_a_new_run_in_an_empty_folder_archives_nothing(tmp_path: Path) -> None:
    assert plan_fresh(tmp_path, read_catalog(tmp_path)).archive is None


def test_what_check_data_has_written_is_no_run_that_makes_way(tmp_path: Path) -> None:
    for name in ("data_report.png", "data_scan.json"):
        (tmp_path / name).write_bytes(b"")
    assert plan_fresh(tmp_path, read_catalog(tmp_path)).archive is None


def test_a_run_goes_on_in_its_own_folder(folder: Path) -> None:
    assert folder_for(describe(folder / "best_model.pth"), Path("default")) == folder


def test_a_lone_checkpoint_goes_on_in_the_default_folder(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "best_model.pth", 1)
    assert folder_for(describe(path), Path("default")) == Path("default")


@pytest.mark.parametrize("name", ["20260301T120000Z", "20260301T120000Z-2"])
def test_an_archived_run_goes_on_in_the_folder_that_holds_the_archive(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archived = checkpoint_folders.fill(folder / "archive" / name)
    assert folder_for(describe(archived / "latest_checkpoint.pth"), Path("default")) == folder
    monkeypatch.chdir(folder.parent)
    path = Path("checkpoints/archive") / name / "latest_checkpoint.pth"
    assert folder_for(describe(path), Path("default")) == Path("checkpoints")
    monkeypatch.chdir(archived)
    assert folder_for(describe(Path("latest_checkpoint.pth")), Path("default")) == folder


def test_a_users_own_folder_named_archive_is_no_archive(tmp_path: Path) -> None:
    run = checkpoint_folders.fill(tmp_path / "archive" / "spring")
    assert folder_for(describe(run / "latest_checkpoint.pth"), Path("default")) == run


def test_a_users_config_beside_a_copied_checkpoint_makes_no_run_of_the_folder(tmp_path: Path) -> None:
    found = describe(checkpoint_folders.save(tmp_path / "best_model.pth", 1))
    (tmp_path / "config.yaml").write_text("trainer: {max_epochs: 3}", encoding="utf-8")
    assert folder_for(found, Path("default")) == Path("default")
    assert plan_resume(found, Path("default")).config_file is None
    (tmp_path / "config.yaml").write_text(found.config, encoding="utf-8")
    assert folder_for(found, Path("default")) == tmp_path
    assert plan_resume(found, Path("default")).config_file == tmp_path / "config.yaml"


def test_a_config_beside_two_checkpoints_of_the_run_is_the_runs_own(tmp_path: Path) -> None:
    found = describe(checkpoint_folders.save(tmp_path / "mine.pth", 1))
    checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 2)
    (tmp_path / "config.yaml").write_text("trainer: {max_epochs: 3}", encoding="utf-8")
    assert folder_for(found, Path("default")) == tmp_path
    checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 2, run_id=checkpoint_folders.OTHER_RUN)
    assert folder_for(found, Path("default")) == Path("default")


def test_a_config_that_is_no_text_is_refused_in_the_folder_of_the_run(folder: Path) -> None:
    (folder / "config.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ResumeError, match=r"config\.yaml: the run's configuration cannot be read \(not UTF-8"):
        plan(folder / "latest_checkpoint.pth", folder)


def test_a_config_that_is_no_text_is_not_that_of_a_checkpoint_that_lies_elsewhere(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "alone" / "a.pth", 1)
    (tmp_path / "alone" / "config.yaml").write_bytes(b"\xff\xfe")
    assert plan(path, tmp_path / "runs").config_file is None
