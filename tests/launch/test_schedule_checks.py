"""A schedule that counts steps must fit the steps of the run."""

from dataclasses import replace
from pathlib import Path

import pytest
from lightning.pytorch import Trainer

from callbacks import AtomicCheckpointIO
from launch.cli import TrainCLI
from launch.config_errors import ConfigError
from launch.schedule_checks import refuse_other_unit, refuse_short_schedule, steps_per_epoch
from tests.helpers.built import built_cli
from tests.helpers.checkpoint_folders import entry

DEFAULT = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
# Twelve samples for training, in three batches of four.
SAMPLES = ["--data.image_path=null", "--data.gt_path=null", "--data.sample_pairs=16", "--data.val_fraction=0.25"]
SAMPLES += ["--data.image_size=16", "--data.batch_size=4", "--data.num_workers=0"]
PER_STEP = [
    "--model.lr_scheduler=ExponentialLR",
    "--model.lr_scheduler.gamma=0.9",
    "--model.lr_scheduler_interval=step",
]
ONE_CYCLE = [
    "--model.lr_scheduler=OneCycleLR",
    "--model.lr_scheduler.max_lr=0.01",
    "--model.lr_scheduler_interval=step",
]


def start(*args: str) -> tuple[TrainCLI, Trainer]:
    cli = built_cli(["--config", DEFAULT, *SAMPLES, *args])
    return cli, cli.build_trainer([], AtomicCheckpointIO())


@pytest.mark.parametrize(
    "change",
    [
        "--data.batch_size=2",
        "--trainer.accumulate_grad_batches=2",
        "--trainer.limit_train_batches=2",
        "--trainer.limit_train_batches=0.4",
        "--data.sample_pairs=32",
    ],
)
def test_a_schedule_per_step_whose_unit_has_changed_is_refused(change: str) -> None:
    cli, trainer = start(*PER_STEP)
    run = replace(entry(3, config=cli.config_text()), batches_per_epoch=steps_per_epoch(cli, trainer))
    refuse_other_unit(cli, trainer, run)
    with pytest.raises(ConfigError, match=r"ExponentialLR counts steps, and an epoch of this run has 3 of them,"):
        refuse_other_unit(*start(*PER_STEP, change), run)


@pytest.mark.parametrize("schedule", [[], PER_STEP[:2]], ids=["default", "per epoch"])
def test_other_schedules_may_be_resumed_with_another_unit(schedule: list[str]) -> None:
    cli, trainer = start(*schedule, "--data.batch_size=2")
    refuse_other_unit(cli, trainer, replace(entry(3, config=cli.config_text()), batches_per_epoch=3))


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        (["--trainer.max_epochs=4"], 12),
        (["--trainer.max_epochs=-1", "--trainer.max_steps=10"], 10),
        (["--trainer.max_epochs=-1"], "∞"),
        (["--trainer.max_epochs=10", "--model.lr_scheduler_interval=epoch"], 10),
    ],
)
def test_a_schedule_that_ends_before_the_run_is_refused(settings: list[str], needed: object) -> None:
    with pytest.raises(ConfigError, match=f"OneCycleLR ends after 9 steps .* make {needed}\\. .* --max_epochs [39]"):
        refuse_short_schedule(*start(*ONE_CYCLE, "--model.lr_scheduler.total_steps=9", *settings))


@pytest.mark.parametrize(
    "settings",
    [["--trainer.max_epochs=3"], ["--trainer.max_epochs=-1", "--trainer.max_steps=9"], ["--trainer.max_epochs=2"]],
)
def test_a_schedule_as_long_as_the_run_is_accepted(settings: list[str]) -> None:
    refuse_short_schedule(*start(*ONE_CYCLE, "--model.lr_scheduler.total_steps=9", *settings))
