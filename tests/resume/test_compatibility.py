from dataclasses import replace
from pathlib import Path

import pytest

from resume import ResumeError
from resume.checkpoints.run_entry import DataPaths, RunEntry
from resume.compatibility import is_finished, name_other_conditions, refuse_other_data, refuse_other_optimizer
from tests.helpers.checkpoint_folders import entry

FILE = Path("checkpoints/latest_checkpoint.pth")
OWN = DataPaths("Data/images", "Data/gt")
SAMPLE = DataPaths(None, None)
CONFIG = """
model: {init_args: {optimizer: {class_path: Adam, lr: 0.1}, lr_scheduler: null, lr_scheduler_interval: epoch}}
"""


def trained_on(data: DataPaths) -> RunEntry:
    return replace(entry(3), data=data)


def test_the_same_data_are_fine_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    refuse_other_data(FILE, trained_on(OWN), OWN, typed=[])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changes", "typed"),
    [
        ({"image_path": "Other"}, []),
        ({"image_path": "Other", "gt_path": "Other/gt"}, ["data.gt_path"]),
        ({"val_image_path": "Other"}, ["data.image_path", "data.gt_path"]),
    ],
)
def test_other_data_that_were_not_all_typed_are_refused(changes: dict[str, str], typed: list[str]) -> None:
    with pytest.raises(ResumeError, match="was trained on Data/images, Data/gt, but this start would continue with"):
        refuse_other_data(FILE, trained_on(OWN), replace(OWN, **changes), typed)


def test_the_sample_set_and_own_data_do_not_mix_unless_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ResumeError, match="the built-in sample set"):
        refuse_other_data(FILE, trained_on(SAMPLE), OWN, typed=[])
    refuse_other_data(FILE, trained_on(SAMPLE), OWN, typed=["data.image_path", "data.gt_path"])
    assert "was trained on the built-in sample set; from now on" in capsys.readouterr().out


def test_another_learning_rate_is_refused_since_the_state_would_beat_it() -> None:
    refuse_other_optimizer(FILE, entry(3, config=CONFIG), CONFIG + "\ntrainer: {max_epochs: 7}")
    with pytest.raises(ResumeError, match=r"--model\.optimizer: differs"):
        refuse_other_optimizer(FILE, entry(3, config=CONFIG), CONFIG.replace("0.1", "0.2"))


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
    assert is_finished(FILE, run, max_epochs, max_steps) is finished
    assert ("This run is finished" in capsys.readouterr().out) is finished


def test_changed_versions_and_threads_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    run = entry(3, versions={"torch": "2.9"}, machine={"threads": "2", "device": "cpu"})
    name_other_conditions(run, {"torch": "2.10"}, {"threads": "4", "device": "cpu"})
    assert "torch 2.9 → 2.10, threads 2 → 4" in capsys.readouterr().out


def test_the_same_conditions_are_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    run = entry(3, versions={"torch": "2.9"}, machine={"threads": "2"})
    name_other_conditions(run, {"torch": "2.9"}, {"threads": "2"})
    assert capsys.readouterr().out == ""
