"""The plan of a real training, with a clock that counts optimizer steps, batches and validations."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer

import callbacks.time_budget
from callbacks import TimeBudget, TimePlan
from tests.helpers.tiny import BATCHES, run_state, train

SCORES = [0.5] * 1000


class Clock(Callback):
    """A second for each batch of training, three for a batch of validation (one in each validation)."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.seconds += 1

    def on_validation_batch_start(self, *_: Any, **__: Any) -> None:
        self.seconds += 3


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(callbacks.time_budget, "_now", lambda trainer: clock.seconds)
    return clock


def trained(folder: Path, clock: Clock, minutes: float, **settings: Any) -> tuple[Trainer, list[TimePlan]]:
    plans: list[TimePlan] = []
    budget = TimeBudget(minutes, plans.append)
    trainer = train(folder, SCORES, max_epochs=-1, callbacks=[clock, budget], trainer_settings=settings)
    return trainer, plans


def test_short_epochs_are_measured_whole_with_their_validation(tmp_path: Path, clock: Clock) -> None:
    trainer, plans = trained(tmp_path, clock, minutes=10)
    epoch = BATCHES + 2 * 3
    assert plans == [TimePlan(max_epochs=600 // epoch)]
    assert trainer.current_epoch == 600 // epoch
    assert clock.seconds == pytest.approx(600, rel=0.05)


def test_long_epochs_are_planned_in_steps_after_the_twentieth(tmp_path: Path, clock: Clock) -> None:
    trainer, plans = trained(tmp_path, clock, minutes=1, num_sanity_val_steps=2)
    assert len(plans) == 1
    assert trainer.global_step == plans[0].max_steps
    assert clock.seconds == pytest.approx(60, abs=10)  # the last validation and the two before training count too


def test_the_plan_becomes_part_of_the_configuration_in_the_checkpoint_and_beside_it(
    tmp_path: Path, clock: Clock
) -> None:
    state = run_state(tmp_path)
    budget = TimeBudget(10, lambda plan: state.change_trainer_settings({"max_epochs": plan.max_epochs}))
    train(tmp_path, SCORES, max_epochs=-1, callbacks=[clock, budget], state=state)
    config = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(config)["trainer"]["max_epochs"] == 60
