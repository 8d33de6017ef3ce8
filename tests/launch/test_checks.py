"""Settings that do not fit each other are refused before a trainer is built."""

from pathlib import Path

import pytest
import torch

from launch.checks import _check_tensor_count, check_settings
from launch.config_errors import ConfigError
from lit_modules import NetworkError
from tests.helpers.built import built_cli

DEFAULT = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
# Twelve samples for training, in three batches of four.
SAMPLES = ["--data.image_path=null", "--data.gt_path=null", "--data.sample_pairs=16", "--data.val_fraction=0.25"]
SAMPLES += ["--data.image_size=16", "--data.batch_size=4", "--data.num_workers=0"]
PLATEAU = "--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau"
SUM_TWO = "--trainer.accumulate_grad_batches=2"


def check(*args: str) -> None:
    cli = built_cli(["--config", DEFAULT, *SAMPLES, *args])
    cli.datamodule.check(every_gt=False)
    check_settings(cli)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--checkpoint.monitor=val/accuracy"], ["val/accuracy", "val/iou"]),
        (["--checkpoint.monitor=val/loss"], ["val/loss", "--checkpoint.mode min"]),
        (["--model.optimizer.lr=-1"], ["learning rate", "-1"]),
        (["--trainer.val_check_interval=4"], ["val_check_interval", "4", "3"]),
        (
            ["--data.batch_size=2", "--trainer.val_check_interval=3", SUM_TWO],
            ["in the middle of an optimizer step", "such as 2"],
        ),
        ([PLATEAU, "--model.lr_scheduler.monitor=train/loss"], ["monitors 'train/loss'", "val/iou"]),
        ([PLATEAU, "--model.lr_scheduler.monitor=val/loss", "--model.lr_scheduler_interval=step"], ["epoch"]),
        (["--trainer.overfit_batches=1"], ["overfit_batches"]),
        (["--trainer.devices=100000"], ["trainer.devices is 100000", "at most 256"]),
    ],
    ids=[
        "unknown monitor",
        "mode",
        "learning rate",
        "interval",
        "within a step",
        "plateau of train",
        "plateau per step",
        "overfit",
        "devices",
    ],
)
def test_a_setting_that_does_not_fit_the_others_is_named(args: list[str], named: list[str]) -> None:
    with pytest.raises((ConfigError, NetworkError)) as error:
        check(*args)
    assert all(words in str(error.value) for words in named), error.value


@pytest.mark.parametrize(
    "args",
    [
        ["--checkpoint.monitor=val/loss", "--checkpoint.mode=min"],
        ["--trainer.val_check_interval=3"],
        ["--data.batch_size=2", "--trainer.val_check_interval=4", SUM_TWO],
        [PLATEAU, "--model.lr_scheduler.monitor=val/loss"],
    ],
    ids=["mode", "interval", "between steps", "plateau"],
)
def test_settings_that_fit_each_other_pass(args: list[str]) -> None:
    check(*args)


def test_a_network_whose_checkpoint_could_not_list_its_tensors_is_refused() -> None:
    few, many = (torch.nn.ParameterList(torch.zeros(1) for _ in range(count)) for count in (10_333, 10_334))
    _check_tensor_count(few)
    with pytest.raises(ConfigError, match="about 31002 tensors in a checkpoint; at most 31000"):
        _check_tensor_count(many)
