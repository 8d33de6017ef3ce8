"""A run that was killed between the names of one save goes on as if the save had ended."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.tiny_run import Run, load

LATEST = Path("checkpoints/latest_checkpoint.pth")
RESUME = ["--no_interactive", "--ckpt_path=auto"]
FILES = ["best_model.pth", "checkpoint_epoch_1.pth", "checkpoint_epoch_2.pth", "latest_checkpoint.pth"]
SETTINGS = ["--max_epochs=3", "--checkpoint.keep_last=2"]


@pytest.fixture
def cut_short(trained: Run) -> Run:
    """A run of two epochs whose last save came to the name of its epoch file, and no further."""
    if load("best_model.pth")["run"]["epoch"] == 2:
        shutil.copy("checkpoints/checkpoint_epoch_1.pth", "checkpoints/best_model.pth")
    LATEST.unlink()
    shutil.copy("checkpoints/checkpoint_epoch_1.pth", LATEST)
    return trained


def test_a_finished_run_gets_the_names_that_it_lacks(cut_short: Run) -> None:
    assert cut_short(*RESUME) == 0
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 2
    assert sorted(path.name for path in Path("checkpoints").glob("*.pth")) == FILES


def test_a_finished_run_keeps_no_more_epoch_files_than_it_is_told(cut_short: Run) -> None:
    assert cut_short(*RESUME, "--checkpoint.keep_last=1") == 0
    assert not Path("checkpoints/checkpoint_epoch_1.pth").exists()


def test_an_unfinished_run_gets_them_before_it_goes_on(cut_short: Run) -> None:
    for name in ("best_model.pth", "latest_checkpoint.pth"):
        Path("checkpoints", name).unlink()
    Path("checkpoints/checkpoint_epoch_2.pth").rename("checkpoints/best_model.pth")
    assert cut_short(*RESUME, "--max_epochs=3") == 0
    assert load("checkpoint_epoch_2.pth")["run"]["epoch"] == 2
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 3


def test_an_older_best_model_that_is_chosen_completes_nothing(trained: Run) -> None:
    shutil.copy("checkpoints/checkpoint_epoch_1.pth", "checkpoints/best.pth")
    Path("checkpoints/best.pth").replace("checkpoints/best_model.pth")
    Path("checkpoints/checkpoint_epoch_1.pth").unlink()
    assert trained("--no_interactive", "--ckpt_path=best", "--max_epochs=1") == 0
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 2
    assert not Path("checkpoints/checkpoint_epoch_1.pth").exists()
