"""The whole program when weights become NaN: the last finite checkpoint stays, and a printed command helps."""

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.helpers.launches import LIGHTNING, TWO, Launch
from tests.helpers.tiny_run import PATHS, TINY, Run, load

RUINOUS = "--model.optimizer.lr=1e30"


def test_a_run_that_diverges_names_its_last_finite_checkpoint_and_a_command_that_helps(
    trained: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    for choice in ("latest", "auto"):  # no start gets further, and none passes for a success
        assert trained("--ckpt_path", choice, RUINOUS, "--max_epochs=4") == 1
        printed = capfd.readouterr()
        assert "Done" not in printed.out
        # The weights of epoch 3 are finite, but so large that no loss is.
        assert printed.err.startswith("train.py: Training ended in epoch 4, step 8: the weights are no longer finite (")
        assert "The last finite checkpoint is checkpoints/checkpoint_epoch_2.pth (epoch 2, step 4)" in printed.err
        assert "The first step whose loss was not finite is step" in printed.err
        assert not Path("checkpoints/checkpoint_epoch_4.pth").exists()
        assert load("latest_checkpoint.pth")["run"]["epoch"] == 3
        assert load("best_model.pth")["run"]["epoch"] == 1
    commands = [shlex.split(line)[2:] for line in printed.err.splitlines() if line.startswith("  python ")]
    assert [command[2:] for command in commands] == [["--model.optimizer.lr=1e+29"], ["--trainer.gradient_clip_val=1"]]
    assert trained(*commands[0][:2], "--model.optimizer.lr=1e-4", *commands[1][2:]) == 0
    assert "Epoch 4/4" in capfd.readouterr().out


def test_a_run_that_diverges_before_its_first_save_leaves_no_checkpoint(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(*PATHS, *TINY, RUINOUS, "--ckpt_path=auto", "--max_epochs=2") == 1
        assert "No checkpoint of this run exists yet. Start again with one of these" in capfd.readouterr().err
        assert not list(Path("checkpoints").glob("*.pth"))


def test_a_run_that_early_stopping_ends_because_of_nan_is_no_success(
    trained: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    stopping = "--trainer.callbacks+=lightning.pytorch.callbacks.EarlyStopping"
    patience = ["--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.patience=5"]
    assert trained("--ckpt_path=latest", "--max_epochs=5", RUINOUS, stopping, *patience) == 1
    printed = capfd.readouterr()
    assert "Early stopping ended the run after step 6, because val/loss is not finite." in printed.err
    assert "Done" not in printed.out
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 3


def test_a_trial_that_diverges_is_no_success(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, *TINY, RUINOUS, "--trainer.fast_dev_run=2") == 1
    assert re.search("Training ended in epoch 1, step 2", capfd.readouterr().err)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the launch is ended through its session")
def test_two_processes_end_together_with_one_message(run: Run, tmp_path: Path) -> None:
    launch = Launch([*LIGHTNING, *PATHS, *TINY, *TWO, RUINOUS, "--max_epochs=3", "--no_interactive"], tmp_path)
    assert launch.finish() == 1
    assert launch.complained().count("the weights are no longer finite") == 1
    weights = [
        weight for path in Path("checkpoints").glob("*.pth") for weight in load(path.name)["state_dict"].values()
    ]
    assert all(weight.isfinite().all() for weight in weights)
