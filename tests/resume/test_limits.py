import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from resume.limits import Limits, is_finished, progress_text
from tests.helpers.checkpoint_folders import entry

FILE = Path("checkpoints/latest_checkpoint.pth")
OTHER = {"class_path": "mine.Pictures", "init_args": {"every": 2}}


def config(**trainer: Any) -> str:
    return json.dumps({"trainer": {"max_epochs": 9, "max_steps": -1, "callbacks": None, **trainer}})


def early_stopping(patience: int, **settings: Any) -> dict[str, Any]:
    settings = {"monitor": "val/loss", "stopping_threshold": None, "divergence_threshold": None, **settings}
    return {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": settings | {"patience": patience}}


@pytest.mark.parametrize(
    ("epoch_done", "max_epochs", "max_steps", "finished"),
    [
        (True, 5, -1, True),
        (True, 4, -1, True),
        (False, 5, -1, False),
        (True, 6, -1, False),
        (True, -1, -1, False),
        (True, None, -1, False),
        (True, -1, 50, True),
        (True, 6, 51, False),
        (False, 6, 50, True),
    ],
)
def test_a_run_is_finished_when_its_epochs_or_steps_are_done(
    capsys: pytest.CaptureFixture[str], epoch_done: bool, max_epochs: int | None, max_steps: int, finished: bool
) -> None:
    run = replace(entry(5), epoch_done=epoch_done)
    assert is_finished(FILE, run, config(max_epochs=max_epochs, max_steps=max_steps)) is finished
    assert ("This run is finished" in capsys.readouterr().out) is finished


def test_a_run_that_lacks_its_last_validation_is_not_finished() -> None:
    run = entry(5, batch=3, ended_by="max_steps", finished=False)
    assert not is_finished(FILE, run, config(max_steps=run.global_step))
    assert is_finished(FILE, replace(run, finished=True), config(max_steps=run.global_step))


@pytest.mark.parametrize(
    ("now", "finished"),
    [
        ([early_stopping(3), OTHER], True),
        ([early_stopping(3)], True),  # what changed is not what stopped the run
        ([early_stopping(2), OTHER], True),
        ([early_stopping(4), OTHER], False),
        ([early_stopping(3, monitor="val/iou"), OTHER], False),
        ([OTHER], False),
        (None, False),
    ],
)
def test_a_run_that_early_stopping_ended_goes_on_only_with_more_patience_another_monitor_or_without_it(
    now: list[dict[str, Any]] | None, finished: bool
) -> None:
    before = config(callbacks=[early_stopping(3), OTHER])
    run = entry(5, batch=3, ended_by="early_stopping", finished=True, config=before)
    assert is_finished(FILE, run, config(callbacks=now)) is finished


def test_a_run_that_a_callback_ended_goes_on_when_the_callbacks_have_changed() -> None:
    run = entry(5, ended_by="callback", finished=True, config=config(callbacks=[OTHER]))
    assert is_finished(FILE, run, config(callbacks=[OTHER]))
    assert not is_finished(FILE, run, config(callbacks=None))


def test_the_flags_that_go_on_raise_every_limit_that_was_reached_and_keep_the_other_callbacks() -> None:
    limits = Limits(5, 50, (early_stopping(3), OTHER))
    assert limits.doubled(["max_steps", "max_epochs"]) == ["--trainer.max_steps", "100", "--max_epochs", "10"]
    flag, value = limits.doubled(["early_stopping"])
    assert (flag, json.loads(value)) == ("--trainer.callbacks", [early_stopping(6), OTHER])
    # It may have stopped because of its threshold, which no patience changes.
    limits = Limits(5, 50, (early_stopping(3, stopping_threshold=0.1), OTHER))
    assert json.loads(limits.doubled(["early_stopping"])[1]) == [OTHER]
    assert limits.doubled(["callback"]) == ["--trainer.callbacks", "null"]


def test_the_progress_of_a_run_names_the_part_of_an_epoch() -> None:
    assert progress_text(entry(1)) == "1 epoch, 10 steps"
    assert progress_text(entry(3, batch=4)) == "2 epochs, 4 of 10 batches of epoch 3, 24 steps"


def test_no_command_is_printed_for_a_schedule_that_has_the_length_of_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schedule = {"class_path": "torch.optim.lr_scheduler.OneCycleLR", "init_args": {"max_lr": 0.1, "total_steps": 50}}
    settings = json.loads(config(max_epochs=5)) | {"model": {"init_args": {"lr_scheduler": schedule}}}
    assert is_finished(FILE, entry(5), json.dumps(settings))
    said = capsys.readouterr().out
    assert "It cannot go on: OneCycleLR has the length of this run." in said
    assert "python" not in said
