"""The table is true: its classes exist, and what they write into a configuration is what it allows."""

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonargparse._util import get_import_path

from launch.allowed import ALLOWED, GROUPS, Rule, full_class_path
from launch.cli import TrainCLI
from launch.sifting import Known, Sifter, names_beyond_the_table
from tests.helpers.built import built_cli

DEFAULT = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
BASE = ["--config", DEFAULT, "--data.image_path=null", "--data.gt_path=null"]
PLACES = {
    "torch.optim": "--model.optimizer",
    "torch.optim.lr_scheduler": "--model.lr_scheduler",
    "lightning.pytorch.cli": "--model.lr_scheduler",
    "lightning.pytorch.callbacks": "--trainer.callbacks",
    "lightning.pytorch.loggers": "--trainer.logger",
    "lightning.pytorch.profilers": "--trainer.profiler",
    "lightning.pytorch.strategies": "--trainer.strategy",
    "lightning.fabric.plugins.environments": "--trainer.plugins",
    "lightning.pytorch.plugins": "--trainer.plugins",
    "lightning.pytorch.plugins.environments": "--trainer.plugins",
    "torchvision.transforms.v2": "--data.augmentation",
}
LISTS = ("--trainer.callbacks", "--trainer.plugins", "--data.augmentation")
OTHERS = ("lit_modules.Segmentation", "lit_modules.networks.UNet", "datamodules.PairedImages")
# What an argument without a default gets.
NEEDED: dict[str, Any] = {
    "T_0": 2,
    "T_max": 2,
    "base_lr": 0.1,
    "bits": 3,
    "degrees": [-10, 10],
    "device": "cpu",
    "gamma": 0.9,
    "kernel_size": 3,
    "lr": 0.1,
    "max_lr": 0.2,
    "mean": [0.5],
    "milestones": [1],
    "min_size": 8,
    "max_size": 9,
    "monitor": "val/loss",
    "padding": 1,
    "precision": "16-mixed",
    "quality": [50, 60],
    "scheduling": {1: 2},
    "sharpness_factor": 2.0,
    "size": [8, 8],
    "std": [0.5],
    "step_size": 1,
    "swa_lrs": 0.1,
    "target_size": [8, 8],
    "threshold": 0.5,
    "transforms": [{"class_path": "torchvision.transforms.v2.Identity"}],
}
WITH_MORE: dict[str, dict[str, Any]] = {
    "torch.optim.lr_scheduler.OneCycleLR": {"total_steps": 5},
    "torchvision.transforms.v2.RandomResize": {"max_size": 9},
    "lightning.pytorch.cli.ReduceLROnPlateau": {"monitor": "val/loss"},
    "lightning.pytorch.callbacks.Timer": {"duration": "00:01:00:00"},
}


def class_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def value_of(path: str) -> dict[str, Any]:
    """The class with what it needs, as in a configuration."""
    parameters = inspect.signature(class_of(path).__init__).parameters
    missing = [name for name, one in parameters.items() if one.default is inspect.Parameter.empty and name in NEEDED]
    return {"class_path": path, "init_args": {name: NEEDED[name] for name in missing} | WITH_MORE.get(path, {})}


@pytest.fixture(scope="module")
def cli() -> TrainCLI:
    return built_cli(BASE)


def resolved(cli: TrainCLI, path: str) -> dict[str, Any]:
    """The configuration of a run with this class, as the run writes it."""
    flag, value = PLACES[path.rpartition(".")[0]], value_of(path)
    content = yaml.safe_dump([value] if flag in LISTS else value, default_flow_style=True, width=10_000)
    settings: dict[str, Any] = yaml.safe_load(cli.config_text(cli.parser.parse_args([*BASE, f"{flag}={content}"])))
    return settings


USUAL = ("torch.optim.SGD", "lightning.pytorch.callbacks.EarlyStopping", "lightning.pytorch.loggers.CSVLogger")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path in USUAL else pytest.mark.slow)
        for path in ALLOWED
        if path.rpartition(".")[0] in PLACES
    ],
)
def test_what_a_class_writes_into_the_configuration_of_its_run_is_allowed(cli: TrainCLI, path: str) -> None:
    settings = resolved(cli, path)
    sifter = Sifter(Known())
    kept = sifter.settings(settings)
    assert sifter.findings == []
    assert sifter.unused == []
    assert {**kept, "checkpoint_dir": "checkpoints"} == settings
    assert names_beyond_the_table(settings) == []
    assert path in str(settings)


def test_every_row_is_a_class_and_so_is_its_usual_name() -> None:
    for path in ALLOWED:
        found = class_of(path)
        assert inspect.isclass(found)
        assert get_import_path(found) in ALLOWED  # the name that the configuration of a run has
        assert path.rpartition(".")[0] in PLACES or path in OTHERS


def test_no_row_takes_a_function_a_file_or_weights() -> None:
    words = ("callable", "lambda", "fn", "func", "weights", "url", "hook", "config")
    kept_null = {"avg_fn", "multi_avg_fn", "scale_fn", "ddp_comm_hook", "param_to_hook_all_reduce"}
    for path, arguments in ALLOWED.items():
        for name, rule in arguments.items():
            if any(word in name.split("_") for word in words) and name not in {"line_search_fn", "adjust_lr_fn"}:
                assert name in kept_null, (path, name)
                assert not rule.accepts("builtins.print")
                assert rule.form == "number"


def test_what_writes_takes_nothing() -> None:
    places = ("save_dir", "root_dir", "dirpath", "filename", "default_root_dir", "log_dir", "dump_stats")
    rules = [(name, rule) for rows in (*ALLOWED.values(), *GROUPS.values()) for name, rule in rows.items()]
    assert [name for name, rule in rules if name in places and rule.form != "place"] == []
    assert {name for name, rule in rules if rule.form == "place"} == {*places} - {"log_dir"}


def test_short_names_are_those_of_exactly_one_row() -> None:
    assert full_class_path("AdamW") == "torch.optim.AdamW"
    assert full_class_path("ReduceLROnPlateau") == "ReduceLROnPlateau"  # of torch, or of Lightning
    assert full_class_path("my.AdamW") == "my.AdamW"
    assert full_class_path("LambdaCallback") == "LambdaCallback"


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("number", 3, True),
        ("number", [1, [2.5, None, True]], True),
        ("number", "3", False),
        ("number", {"a": 1}, False),
        ("word", "val/iou", True),
        ("word", "32-true", True),
        ("word", ["a", "b"], True),
        ("word", "a.B", False),
        ("word", "{a: b}", False),
        ("word", "a\nb", False),
        ("word", "a: b", False),
        ("word", "x" * 1001, False),
        ("name", "version_3", True),
        ("name", "", True),
        ("name", "..", False),
        ("name", "a/b", False),
        ("name", "a\\b", False),
        ("name", "C:x", False),
        ("time", "00:12:00:00", True),
        ("time", "1 day, 0:30:00", True),
        ("time", {"hours": 2}, True),
        ("time", {"hours": "a.B"}, False),
        ("time", "evil", False),
        ("counts", {4: 2}, True),
        ("counts", {"a.B": 2}, False),
        ("device", "cuda:1", True),
        ("device", "evil", False),
        ("folder", "Data/图像", True),
        ("folder", "C:\\Data", True),
        ("folder", "\\\\host\\share", False),
        ("folder", "//host/share", False),
        ("folder", "https://host/x", False),
        ("folders", ["a.txt"], True),
        ("folders", "a.txt", False),
        ("place", "a", False),
        ("class", "a", False),
    ],
)
def test_each_form_accepts_plain_values_of_its_kind_alone(form: str, value: Any, expected: bool) -> None:
    assert Rule(form).accepts(value) is expected
