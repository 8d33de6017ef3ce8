"""The configuration in a checkpoint: what is read of it has the types that this program writes, or it is refused."""

import json
import re
from typing import Any

import pytest

from resume.checkpoints.run_config import part_of, settings_of
from resume.system.errors import UnreadableError


def nested(key: str, value: Any) -> str:
    """YAML text with one setting."""
    for name in reversed(key.split(".")):
        value = {name: value}
    return json.dumps(value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed_everything", "text"),
        ("seed_everything", True),
        ("train_minutes", "1h"),
        ("data", []),
        ("data", "text"),
        ("model", "text"),
        ("data.init_args", "other.yaml"),
        ("data.init_args.val_fraction", None),
        ("data.init_args.split", "train.txt"),
        ("data.init_args.split", [1]),
        ("data.init_args.split_seed", 1.5),
        ("model", 3),
        ("model.init_args", None),
        ("model.init_args.optimizer", "Adam"),
        ("model.init_args.lr_scheduler.init_args", [1]),
        ("trainer", "trainer.yaml"),
        ("trainer.accumulate_grad_batches", 0),
        ("trainer.accumulate_grad_batches", {"0": 2}),
        ("trainer.callbacks", "EarlyStopping"),
        ("trainer.callbacks", ["EarlyStopping"]),
        ("trainer.callbacks", [{"init_args": "x"}]),
        ("trainer.callbacks", [{"class_path": "EarlyStopping", "init_args": {"patience": "x"}}]),
    ],
)
def test_a_setting_of_another_type_is_named(key: str, value: Any) -> None:
    shown = re.escape(key.replace(".init_args.", "."))
    with pytest.raises(UnreadableError, match=rf"its configuration has a wrong value \({shown}"):
        settings_of(nested(key, value))


def test_a_long_or_invisible_value_is_shown_short_and_escaped() -> None:
    with pytest.raises(UnreadableError) as error:
        settings_of(nested("model", "\x1b[2J" + "x" * 1000))
    assert "\\x1b[2J" in str(error.value)
    assert len(str(error.value)) < 150


@pytest.mark.parametrize("config", ["", "null", "lang: auto", "trainer:\n  callbacks: null\nmodel:\n  init_args: {}"])
def test_a_setting_may_be_absent(config: str) -> None:
    assert part_of(settings_of(config), "model", "init_args", "optimizer") == {}


def test_classes_of_the_users_own_may_take_other_types_under_the_same_names() -> None:
    data = {"class_path": "mine.Data", "init_args": {"split": "train", "fold": 3, "group": ["a"], "val_fraction": None}}
    callbacks = [{"class_path": "mine.Stops", "init_args": {"patience": [1, 2]}}]
    settings = {"data": data, "trainer": {"callbacks": callbacks}}
    assert settings_of(json.dumps(settings)) == settings
