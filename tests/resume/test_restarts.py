from pathlib import Path

import pytest
import run_files

from resume import Fresh, Resume, ResumeError, choose, read_arguments
from resume.decision import Decision
from resume.restarts import job_id

JOB = "SLURM 7"


@pytest.fixture(autouse=True)
def _in_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")


def decide(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv]))


def chosen(*argv: str) -> str:
    decision = decide(*argv)
    assert isinstance(decision, Resume)
    return f"{decision.path} in {decision.checkpoint_dir}"


@pytest.mark.parametrize("variable", ["TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"])
def test_a_job_that_was_started_again_goes_on_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    run_files.fill(Path("checkpoints"))
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    monkeypatch.setenv(variable, "0")
    assert isinstance(decide("--no_interactive"), Fresh)
    monkeypatch.setenv(variable, "1")
    assert chosen("--no_interactive") == "checkpoints/latest_checkpoint.pth in checkpoints"
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


@pytest.mark.parametrize("named", ["best", "checkpoints/best_model.pth", "checkpoints/checkpoint_epoch_2.pth"])
def test_a_job_goes_on_from_what_it_has_saved_and_not_from_what_it_began_with(
    named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_files.save(Path("checkpoints/best_model.pth"), 2)
    run_files.save(Path("checkpoints/latest_checkpoint.pth"), 3, job=JOB)
    assert chosen("--ckpt_path", named) == "checkpoints/latest_checkpoint.pth in checkpoints"
    assert "started again goes on, as with --ckpt_path auto (SLURM_RESTART_COUNT is set)." in capsys.readouterr().out


def test_a_job_that_began_with_another_folders_or_an_archived_checkpoint_goes_on_where_it_has_saved() -> None:
    run_files.save(Path("checkpoints/latest_checkpoint.pth"), 3, job=JOB)
    archived = "checkpoints/archive/20260301T120000Z/best_model.pth"
    for named in ("other/best_model.pth", archived):
        run_files.save(Path(named), 2)
        assert chosen("--ckpt_path", named) == "checkpoints/latest_checkpoint.pth in checkpoints"
    run_files.save(Path("new/latest_checkpoint.pth"), 3, job=JOB)
    assert chosen("--ckpt_path", archived, "--checkpoint_dir=new") == "new/latest_checkpoint.pth in new"


@pytest.mark.parametrize("job", [None, "SLURM 8"])
def test_a_job_that_has_saved_nothing_yet_begins_with_the_named_checkpoint_again(job: str | None) -> None:
    run_files.save(Path("checkpoints/best_model.pth"), 2)
    run_files.save(Path("checkpoints/latest_checkpoint.pth"), 3, job=job)
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


def test_the_first_start_of_a_job_takes_the_named_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    run_files.save(Path("checkpoints/best_model.pth"), 2)
    run_files.save(Path("checkpoints/latest_checkpoint.pth"), 3, job=JOB)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


def test_a_named_checkpoint_that_is_missing_is_an_error_in_a_further_start_too() -> None:
    with pytest.raises(ResumeError, match="there is no such file"):
        decide("--ckpt_path=nowhere/best_model.pth")


@pytest.mark.parametrize(
    ("environ", "job"),
    [
        ({}, None),
        ({"TORCHELASTIC_RUN_ID": "none"}, None),
        ({"TORCHELASTIC_RUN_ID": "4f2c"}, "torchrun 4f2c"),
        ({"SLURM_JOB_ID": "7", "TORCHELASTIC_RUN_ID": "4f2c"}, "SLURM 7"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}, "SLURM 7_2"),
    ],
)
def test_the_job_is_what_all_its_starts_have_in_common(environ: dict[str, str], job: str | None) -> None:
    assert job_id(environ) == job
