"""A run that was killed between the names of one save continues as if that save had ended."""

import shutil
from pathlib import Path

import pytest

import resume
from tests.helpers.tiny_run import Run, load

LATEST = Path("checkpoints/latest_checkpoint.pth")
RESUME = ["--no_interactive", "--ckpt_path=auto"]


@pytest.fixture
def cut_short(trained: Run) -> Run:
    """A run of two epochs whose last save gave the name of its epoch file and was then killed."""
    if load("best_model.pth")["run"]["epoch"] == 2:
        shutil.copy("checkpoints/checkpoint_epoch_1.pth", "checkpoints/best.pth")
        Path("checkpoints/best.pth").replace("checkpoints/best_model.pth")
    LATEST.unlink()
    shutil.copy("checkpoints/checkpoint_epoch_1.pth", LATEST)
    return trained


def test_a_finished_run_gets_the_missing_names_and_keeps_only_the_epoch_files_that_are_asked_for(
    cut_short: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut_short(*RESUME, "--checkpoint.keep_last=1") == 0
    assert "This run is finished: 2 epochs, 4 steps; ended by max_epochs." in capsys.readouterr().out
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 2
    files = sorted(path.name for path in Path("checkpoints").glob("*.pth"))
    assert files == ["best_model.pth", "checkpoint_epoch_2.pth", "latest_checkpoint.pth"]


def test_an_unfinished_run_gets_the_missing_names_before_it_trains(cut_short: Run) -> None:
    for name in ("best_model.pth", "latest_checkpoint.pth"):
        Path("checkpoints", name).unlink()
    Path("checkpoints/checkpoint_epoch_2.pth").rename("checkpoints/best_model.pth")
    assert cut_short(*RESUME, "--max_epochs=3") == 0
    assert load("checkpoint_epoch_2.pth")["run"]["epoch"] == 2
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 3


def test_only_a_checkpoint_that_is_ahead_of_latest_has_a_save_to_complete(cut_short: Run) -> None:
    for ckpt_path, completes_save in (("auto", True), ("epoch", True), ("best", False), ("latest", False)):
        decision = resume.choose(resume.read_arguments(["--lang=en", "--ckpt_path", ckpt_path]))
        assert isinstance(decision, resume.Resume)
        assert decision.completes_save is completes_save, ckpt_path
