from dataclasses import replace
from pathlib import Path

import pytest

from resume import ResumeError
from resume.checkpoints.run_entry import DataPaths, RunEntry
from resume.compatibility import (
    changed_optimizer_settings,
    name_other_conditions,
    refuse_other_data,
)
from tests.helpers.checkpoint_folders import entry

FILE = Path("checkpoints/latest_checkpoint.pth")
OWN = DataPaths("Data/images", "Data/gt")
SAMPLE = DataPaths(None, None)
CONFIG = """
model:
  class_path: lit_modules.Segmentation
  init_args:
    optimizer: {class_path: Adam, init_args: {lr: 0.1, weight_decay: 0.0}}
    lr_scheduler: {class_path: StepLR, init_args: {step_size: 3}}
    lr_scheduler_interval: epoch
trainer: {max_epochs: 5, gradient_clip_val: null, logger: false}
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


def test_changed_settings_of_the_optimizer_are_returned_with_their_old_values() -> None:
    run = entry(3, config=CONFIG)
    assert changed_optimizer_settings(FILE, run, CONFIG.replace("max_epochs: 5", "max_epochs: 7")) == {}
    changed = CONFIG.replace("lr: 0.1, weight_decay: 0.0", "lr: 0.2, weight_decay: 0.3")
    assert changed_optimizer_settings(FILE, run, changed) == {"lr": 0.1, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ("Adam", "SGD", "--model.optimizer: differs"),
        ("step_size: 3", "step_size: 4", "--model.lr_scheduler: differs"),
        ("interval: epoch", "interval: step", "--model.lr_scheduler_interval: differs"),
    ],
)
def test_another_optimizer_or_schedule_is_refused_since_it_cannot_use_the_state(
    before: str, now: str, named: str
) -> None:
    with pytest.raises(ResumeError, match=named):
        changed_optimizer_settings(FILE, entry(3, config=CONFIG), CONFIG.replace(before, now))


def test_changed_settings_versions_and_threads_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    run = entry(3, config=CONFIG, versions={"torch": "2.9"}, machine={"threads": "2", "device": "cpu"})
    changed = CONFIG.replace("lr: 0.1", "lr: 0.2").replace("val: null", "val: 1.0")
    name_other_conditions(run, changed, {"torch": "2.10"}, {"threads": "4", "device": "cpu"})
    said = capsys.readouterr().out
    assert "model.optimizer.lr 0.1 → 0.2, trainer.gradient_clip_val - → 1.0, torch 2.9 → 2.10, threads 2 → 4" in said


def test_settings_that_compute_nothing_are_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    run = entry(3, config=CONFIG, versions={"torch": "2.9"}, machine={"threads": "2"})
    changed = CONFIG.replace("max_epochs: 5", "max_epochs: 7").replace("logger: false", "logger: true")
    name_other_conditions(run, changed, run.versions, run.machine)
    assert capsys.readouterr().out == ""
