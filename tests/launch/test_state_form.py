"""A checkpoint whose parts are whole, but not of this program's form: refused before a file is touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.forging import forge
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run, contents

LATEST = Path("checkpoints/latest_checkpoint.pth")
OPTIMIZATION = "epoch_loop.automatic_optimization.optim_progress"
RESUME = ["--no_interactive", "--lang=en", *PATHS, "--max_epochs=3"]


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def with_value(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


FORGED = {
    "loops": with_value({}, "loops"),
    "loops of text": with_value("text", "loops"),
    "no progress": without("loops", "fit_loop", "epoch_progress"),
    "a negative count": with_value(-1, "loops", "fit_loop", "epoch_progress", "current", "ready"),
    "a huge count": with_value(2**80, "loops", "fit_loop", "epoch_loop.batch_progress", "total", "ready"),
    "a callback's state of text": with_value("text", "callbacks", "TrainingHistory"),
    "a weight of text": with_value("text", "state_dict", "network.stem.weight"),
    "another step": with_value(99, "global_step"),
    "no step": without("global_step"),
    "no optimizer": with_value([], "optimizer_states"),
    "no schedule": with_value([], "lr_schedulers"),
    "no history": with_value({}, "callbacks", "TrainingHistory"),
    "half a moment": without("optimizer_states", 0, "state", 0, "exp_avg"),  # type: ignore[arg-type]
    "a moment of text": with_value("text", "optimizer_states", 0, "state", 0, "exp_avg"),
    "no weight decay": with_value(None, "optimizer_states", 0, "param_groups", 0, "weight_decay"),
    "a count of the optimizer of text": with_value(
        "text", "loops", "fit_loop", OPTIMIZATION, "optimizer", "zero_grad", "total", "ready"
    ),
    "a count of steps of text": with_value(
        "text", "loops", "fit_loop", "epoch_loop.state_dict", "_batches_that_stepped"
    ),
    "no step of the schedule": with_value(None, "lr_schedulers", 0, "_step_count"),
    "a function of the schedule of text": with_value(["text"], "lr_schedulers", 0, "lr_lambdas"),
    "no word of the validation": without("PairedImages", "validated"),
    "half a schedule": with_value({"base_lrs": 1}, "lr_schedulers", 0),
    "rates of text": with_value("text", "lr_schedulers", 0, "base_lrs"),
    "scores from a mapping on": with_value({}, "callbacks", "TrainingHistory", "scored_from"),
    "a best step that is no number": with_value(float("nan"), "callbacks", "CheckpointFiles", "best_step"),
    "a version that is none": with_value("new", "pytorch-lightning_version"),
    "a best score of text": with_value("text", "callbacks", "CheckpointFiles", "best_score"),
    "the pairs of another": with_value({}, "PairedImages", "sides"),
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_a_state_of_another_form_is_refused_and_nothing_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str], change: Callable[[dict[str, Any]], None]
) -> None:
    forge(LATEST, change)
    before = contents()
    assert trained(*RESUME, "--ckpt_path=latest") == 2
    said = capsys.readouterr().err
    assert said.startswith("train.py: ")
    assert "Traceback" not in said
    assert contents() == before


def test_auto_goes_on_to_the_next_file_whose_states_have_the_form(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(LATEST, with_value({}, "loops"))
    assert trained(*RESUME, "--ckpt_path=auto") == 0
    assert "Loading checkpoint from checkpoints/checkpoint_epoch_2.pth" in capsys.readouterr().out


def test_a_state_that_early_stopping_would_use_only_after_an_epoch_is_refused(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    stopping = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
    draw_pairs(Path("Data"), 8)
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=1", *stopping) == 0
    key = "EarlyStopping{'monitor': 'val/loss', 'mode': 'min'}"
    for name, value in (("wait_count", "text"), ("best_score", 1.0)):
        forge(LATEST, with_value(value, "callbacks", key, name))
        assert run(*RESUME, "--ckpt_path=latest") == 2
        assert f"callbacks.EarlyStopping.{name}" in capsys.readouterr().err
        forge(LATEST, with_value(torch.tensor(9.0) if name == "best_score" else 0, "callbacks", key, name))
    assert run(*RESUME, "--ckpt_path=latest") == 0
