"""Nothing that the configuration of a checkpoint names is imported or built, unless somebody vouches for it."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import train
from tests.helpers.foreign import SETTINGS, save_run, settings_with
from tests.helpers.settled import EVIL, NETWORK, PRINTS, refusal, settled, without_folder


def test_a_configuration_within_the_table_is_used_as_it_is() -> None:
    save_run(Path("checkpoints"), SETTINGS)
    assert settled() == without_folder(SETTINGS)


# What is changed, and what the message names.
DOORS: dict[str, tuple[dict[str, Any], str]] = {
    "a function for a callback": ({"trainer/callbacks": [PRINTS]}, "lightning.pytorch.callbacks.LambdaCallback"),
    "callbacks": ({"trainer/callbacks": [*SETTINGS["trainer"]["callbacks"], EVIL]}, "evil.Thing"),
    "one callback": ({"trainer/callbacks": EVIL}, "evil.Thing"),
    "callbacks as a file": ({"trainer/callbacks": ["other.yaml"]}, "other.yaml"),
    "network": ({"model/network": EVIL}, "evil.Thing"),
    "network as a file": ({"model/network": "other.yaml"}, "model.network: other.yaml"),
    "network as yaml": ({"model/network": "{class_path: evil.Thing}"}, "evil.Thing"),
    "network that is merely named": ({"model/network": "evil.Thing"}, "evil.Thing"),
    "network with more arguments": (
        {"model/network": {"class_path": "lit_modules.networks.UNet", "init_args": {"weights": "https://x/y.pth"}}},
        "model.network.weights: https://x/y.pth",
    ),
    "a class in the place of a number": ({"model/network/width": EVIL}, "evil.Thing"),
    "dict_kwargs": (
        {"model/network": {"class_path": "lit_modules.networks.UNet", "dict_kwargs": {"width": 2}}},
        "model.network.dict_kwargs",
    ),
    "optimizer": ({"model/optimizer": EVIL}, "evil.Thing"),
    "optimizer as a text": ({"model/optimizer": "evil.Thing"}, "evil.Thing"),
    "schedule": ({"model/lr_scheduler": EVIL}, "evil.Thing"),
    "a function for a schedule": (
        {
            "model/lr_scheduler": {
                "class_path": "torch.optim.lr_scheduler.LambdaLR",
                "init_args": {"lr_lambda": "builtins.print"},
            }
        },
        "torch.optim.lr_scheduler.LambdaLR",
    ),
    "loss": ({"model/loss": EVIL}, "evil.Thing"),
    "model": ({"model": EVIL}, "evil.Thing"),
    "model as a file": ({"model": "other.yaml"}, "model: other.yaml"),
    "data": ({"data": EVIL}, "evil.Thing"),
    "augmentation": ({"data/augmentation": [EVIL]}, "evil.Thing"),
    "augmentation within an augmentation": (
        {
            "data/augmentation": [
                {"class_path": "torchvision.transforms.v2.RandomApply", "init_args": {"transforms": [EVIL]}}
            ]
        },
        "evil.Thing",
    ),
    "a function for an augmentation": (
        {
            "data/augmentation": [
                {"class_path": "torchvision.transforms.v2.Lambda", "init_args": {"lambd": "builtins.print"}}
            ]
        },
        "torchvision.transforms.v2.Lambda",
    ),
    "logger": ({"trainer/logger": EVIL}, "evil.Thing"),
    "loggers": ({"trainer/logger": [EVIL]}, "evil.Thing"),
    "name of a logger that leads elsewhere": ({"trainer/logger/name": "../../out"}, "trainer.logger.name: ../../out"),
    "profiler": ({"trainer/profiler": EVIL}, "evil.Thing"),
    "profiler that writes where it is": ({"trainer/profiler": "pytorch"}, "trainer.profiler: pytorch"),
    "plugins": ({"trainer/plugins": [EVIL]}, "evil.Thing"),
    "strategy": ({"trainer/strategy": EVIL}, "evil.Thing"),
    "strategy as a text": ({"trainer/strategy": "evil.Thing"}, "evil.Thing"),
    "accelerator": ({"trainer/accelerator": EVIL}, "evil.Thing"),
    "trainer": ({"trainer": EVIL}, "trainer.class_path: evil.Thing"),
    "trainer as a file": ({"trainer": "other.yaml"}, "trainer: other.yaml"),
    "checkpoint as a file": ({"checkpoint": "other.yaml"}, "checkpoint: other.yaml"),
    "another configuration": ({"config": "other.yaml"}, "config: other.yaml"),
    "the parser's own notes": ({"__default_config__": "other.yaml"}, "__default_config__: other.yaml"),
    "a path within a class": (
        {"model/network": {"class_path": "lit_modules.networks.UNet", "__path__": "x"}},
        "model.network",
    ),
    "a key that adds to a list": ({"trainer/callbacks+": EVIL}, "evil.Thing"),
    "a key with dots": ({"model.network": EVIL}, "evil.Thing"),
    "seed as a text": ({"seed_everything": "evil.Thing"}, "seed_everything: evil.Thing"),
    "epochs as a text": ({"trainer/max_epochs": "evil.Thing"}, "trainer.max_epochs: evil.Thing"),
    "monitor as a path": ({"checkpoint/monitor": "evil.Thing"}, "checkpoint.monitor: evil.Thing"),
    "data on another machine": ({"data/image_path": "\\\\host\\share"}, "data.image_path"),
    "bytes": ({"trainer/max_epochs": b"evil"}, "trainer.max_epochs"),
    "a class path that is no text": ({"model/network": {"class_path": ["evil.Thing"]}}, "evil.Thing"),
    "arguments that are no mapping": (
        {"model/network": {"class_path": "lit_modules.networks.UNet", "init_args": "other.yaml"}},
        "other.yaml",
    ),
    "a class under the name of another package": (
        {"trainer/callbacks": [{"class_path": "pytorch_lightning.callbacks.EarlyStopping"}]},
        "pytorch_lightning.callbacks.EarlyStopping",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "beside",
    [pytest.param(False, id="in_the_checkpoint"), pytest.param(True, id="in_config_yaml", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("door", DOORS)
def test_what_nobody_vouches_for_is_named_and_not_imported(door: str, beside: bool) -> None:
    changes, named = DOORS[door]
    settings = settings_with(changes)
    folder = save_run(Path("checkpoints"), SETTINGS if beside else settings)
    if beside:
        (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    Path("other.yaml").write_text("class_path: evil.Thing\n", encoding="utf-8")
    assert named in refusal()


@pytest.mark.parametrize("door", ["callbacks", "network as a file", "another configuration"])
def test_with_trust_the_whole_configuration_is_used(door: str) -> None:
    settings = settings_with(DOORS[door][0])
    save_run(Path("checkpoints"), settings)
    assert settled("--trust") == settings


def test_the_whole_program_ends_with_2_before_anything_is_imported(capsys: pytest.CaptureFixture[str]) -> None:
    save_run(Path("checkpoints"), settings_with({"trainer/callbacks": [PRINTS], "model/network": NETWORK}))
    assert train.main(["--lang=en", "--ckpt_path=latest"]) == 2
    said = capsys.readouterr().err
    assert "trainer.callbacks: lightning.pytorch.callbacks.LambdaCallback (" in said
    assert "model.network: third.party.Net (" in said
    assert "third" not in sys.modules
    assert Path("checkpoints/latest_checkpoint.pth").exists()


def test_the_message_says_from_which_file_each_name_would_come() -> None:
    save_run(
        Path("checkpoints"), settings_with({"model/network": NETWORK, "model/optimizer": {"class_path": "none.Here"}})
    )
    said = refusal()
    assert f"model.network: third.party.Net ({Path('third/party.py').resolve()})" in said
    assert "model.optimizer: none.Here (no such module)" in said


@pytest.mark.skipif(os.name == "nt", reason="the command is quoted as Windows does it")
def test_the_command_of_the_message_is_enough() -> None:
    augmentation = [{"class_path": "third.Noise", "init_args": {"file": "a/b.txt"}}]
    save_run(Path("checkpoints"), settings_with({"model/network": NETWORK, "data/augmentation": augmentation}))
    line = next(line for line in refusal().splitlines() if line.startswith("To use these: "))
    flags = [word for word in shlex.split(line) if word.startswith(("--model", "--data"))]
    kept = settled(*flags)
    assert kept["model"]["init_args"]["network"] == NETWORK
    assert "augmentation" not in kept["data"]["init_args"]  # the flag has all of it
