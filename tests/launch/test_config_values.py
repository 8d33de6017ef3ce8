"""Values that the parser lets pass from a file, and that would fail only in training: refused with their keys."""

from typing import Any

import pytest
import yaml

from launch.cli import TrainCLI
from resume.configuration import CONFIGS
from resume.system.output import ExplainedError

DEFAULT = str(CONFIGS / "default.yaml")
CLOSED = ["--config", DEFAULT, "--config", "data:\n  num_classes: 2\n"]  # as if the data had been looked at


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(ExplainedError) as error:
        TrainCLI([*CLOSED, "--config", yaml.safe_dump(content)]).build()
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"trainer": {"detect_anomaly": None}}, "trainer.detect_anomaly is null; expected bool."),
        ({"data": {"sample_pairs": None}}, "data.sample_pairs is null; expected int."),
        (
            {"model": {"optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"differentiable": None}}}},
            "model.optimizer.differentiable is null; expected bool.",
        ),
        (
            {
                "trainer": {
                    "callbacks": [
                        {"class_path": "EarlyStopping", "init_args": {"monitor": "val/iou", "min_delta": None}}
                    ]
                }
            },
            "trainer.callbacks.min_delta is null; expected float.",
        ),
        ({"seed_everything": 2**32}, "--seed_everything is 4294967296; it must be from 0 to 4294967295."),
        ({"model": {"dice_weight": float("nan")}}, "dice_weight is nan"),
        ({"model": {"network": {"class_path": "UNet", "init_args": {"width": 10**18}}}}, "UNet: Storage size"),
        ({"data": {"num_classes": 10**18}}, "num_classes is 1000000000000000000; it must be from 2 to 4096"),
    ],
)
def test_a_value_that_would_fail_in_training_is_named(content: dict[str, Any], said: str) -> None:
    assert said in refused(content)


def test_null_is_a_value_where_the_class_says_so() -> None:
    trainer = {"max_epochs": None, "max_steps": 3, "limit_val_batches": None, "profiler": None, "benchmark": None}
    optimizer = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.1, "foreach": None, "fused": None}}
    content = {"trainer": trainer, "model": {"optimizer": optimizer}, "data": {"augmentation": None}}
    built = TrainCLI(["--config", DEFAULT, "--config", yaml.safe_dump(content)])
    assert built.config.trainer.max_epochs is None


def test_a_logger_of_null_is_one_of_the_run_as_true_is() -> None:
    loggers = [
        TrainCLI(
            ["--config", DEFAULT, "--config", yaml.safe_dump({"trainer": {"logger": value}})]
        ).config.trainer.logger
        for value in (None, True)
    ]
    assert loggers[0] == loggers[1]
    assert loggers[0].class_path.startswith("lightning.pytorch.loggers.")
