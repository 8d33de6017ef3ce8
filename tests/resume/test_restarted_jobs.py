from pathlib import Path
from typing import Any

import pytest

from resume import Fresh, Resume, ResumeError, choose, read_arguments
from resume.checkpoints.description import describe
from resume.decision import Decision
from resume.system.launch_info import Launch
from tests.helpers import checkpoint_folders


def saved(name: str, epoch: int, ckpt_path: str = "best", job: str = "SLURM hall 7", restarts: int = 0) -> Path:
    """A checkpoint that the job has saved, whose command line names `ckpt_path`."""
    return checkpoint_folders.save(Path(name), epoch, job={"name": job, "restarts": restarts, "ckpt_path": ckpt_path})


@pytest.fixture(autouse=True)
def _in_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "hall")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")


def decide(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv], Launch.from_environment()))


def chosen(*argv: str) -> str:
    decision = decide(*argv)
    assert isinstance(decision, Resume)
    return f"{decision.path} in {decision.checkpoint_dir}"


@pytest.mark.parametrize("variable", ["TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"])
def test_a_restarted_job_resumes_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    checkpoint_folders.fill(Path("checkpoints"))
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    monkeypatch.setenv(variable, "0")
    assert isinstance(decide("--no_interactive"), Fresh)
    monkeypatch.setenv(variable, "1")
    assert chosen("--no_interactive") == "checkpoints/latest_checkpoint.pth in checkpoints"
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


@pytest.mark.parametrize("named", ["best", "checkpoints/best_model.pth", "checkpoints/checkpoint_epoch_1.pth"])
def test_a_job_goes_on_from_what_it_has_saved_and_not_from_what_it_began_with(
    named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_folders.save(Path("checkpoints/best_model.pth"), 2)
    saved("checkpoints/latest_checkpoint.pth", 3, named)
    assert chosen("--ckpt_path", named) == "checkpoints/latest_checkpoint.pth in checkpoints"
    assert f"Restarted job: it resumes from what it saved itself, not from {named}." in capsys.readouterr().out


def test_a_job_that_began_elsewhere_goes_on_where_it_has_saved() -> None:
    archived = "checkpoints/archive/20260301T120000Z/best_model.pth"
    for named in ("other/best_model.pth", archived):
        checkpoint_folders.save(Path(named), 2)
        saved("checkpoints/latest_checkpoint.pth", 3, named)
        assert chosen("--ckpt_path", named) == "checkpoints/latest_checkpoint.pth in checkpoints"
    saved("new/latest_checkpoint.pth", 3, archived)
    assert chosen("--ckpt_path", archived, "--checkpoint_dir=new") == "new/latest_checkpoint.pth in new"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"job": "SLURM hall 8"}, id="another job"),
        pytest.param({"job": "SLURM lab 7"}, id="a job of another cluster"),
        pytest.param({"restarts": 1}, id="an earlier command of this start"),
        pytest.param({"ckpt_path": "latest"}, id="another command of the job"),
    ],
)
def test_what_others_have_saved_does_not_count(other: dict[str, Any]) -> None:
    checkpoint_folders.save(Path("checkpoints/best_model.pth"), 2)
    saved("checkpoints/latest_checkpoint.pth", 3, **other)
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


@pytest.mark.parametrize("job", [{}, {"job": None}])
def test_a_checkpoint_that_tells_of_no_job_is_sound(job: dict[str, None]) -> None:
    checkpoint_folders.save(Path("checkpoints/best_model.pth"), 2)
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 3, **job)
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"
    assert chosen("--ckpt_path=auto") == "checkpoints/latest_checkpoint.pth in checkpoints"


@pytest.mark.parametrize(
    "job", ["SLURM hall 7", {"name": "SLURM hall 7"}, {"name": 7, "restarts": 0, "ckpt_path": None}]
)
def test_a_checkpoint_with_a_strange_job_is_damaged(job: Any) -> None:
    path = checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 3, job=job)
    assert describe(path).damage is not None


def test_where_all_that_the_job_has_saved_is_damaged_it_begins_with_the_named_checkpoint_again() -> None:
    checkpoint_folders.save(Path("other/best_model.pth"), 2)
    checkpoint_folders.flip_a_bit(saved("new/latest_checkpoint.pth", 3, "other/best_model.pth"))
    named = chosen("--ckpt_path=other/best_model.pth", "--checkpoint_dir=new")
    assert named == "other/best_model.pth in new"


def test_what_the_job_has_saved_is_found_when_a_kill_left_it_without_its_name() -> None:
    checkpoint_folders.save(Path("other/best_model.pth"), 2)
    (Path("other") / "config.yaml").write_text(checkpoint_folders.facts(2)["config"], encoding="utf-8")
    saved("other/.latest_checkpoint.pth.99.old", 3, "other/best_model.pth")
    assert chosen("--ckpt_path=other/best_model.pth") == "other/latest_checkpoint.pth in other"


def test_the_first_start_of_a_job_takes_the_named_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint_folders.save(Path("checkpoints/best_model.pth"), 2)
    saved("checkpoints/latest_checkpoint.pth", 3)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "0")
    assert chosen("--ckpt_path=best") == "checkpoints/best_model.pth in checkpoints"


@pytest.mark.parametrize("name", ["nowhere/best_model.pth", f"{'a' * 300}/best_model.pth"])
def test_a_named_checkpoint_that_is_missing_is_an_error_in_a_further_start_too(name: str) -> None:
    with pytest.raises(ResumeError, match=f"--ckpt_path {name}: "):
        decide("--ckpt_path", name)
