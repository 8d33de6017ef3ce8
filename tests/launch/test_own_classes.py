"""What a start accepts of a user's own classes, its resume accepts, and as the same values."""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from exactness.comparison import compare_runs
from launch.cli import TrainCLI
from launch.config_errors import ConfigError
from tests.helpers.built import built_cli
from tests.helpers.own_classes import OWN_MODULE, PLACES, flags_of
from tests.helpers.stopping import StopAsPlanned
from tests.helpers.tiny_run import PATHS, TINY, Run

DEFAULT = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
SAMPLES = ["--data.image_path=null", "--data.gt_path=null"]
Write = Callable[[str], None]


@pytest.fixture(autouse=True)
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the module `own`, which can be imported until the test ends."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write_module(content: str) -> None:
        (folder / "own.py").write_text(content, encoding="utf-8")
        sys.modules.pop("own", None)

    write_module(OWN_MODULE)
    yield write_module
    sys.modules.pop("own", None)


def cli(*args: str) -> TrainCLI:
    return built_cli(["--config", DEFAULT, *SAMPLES, *args])


def resumed(text: str) -> TrainCLI:
    """The parts of a resume whose checkpoint lies alone in a folder: it carries the configuration as text."""
    return built_cli(["--config", text])


@pytest.mark.parametrize("typed", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["untyped", "typed"])
@pytest.mark.parametrize("place", PLACES)
def test_a_class_of_ones_own_is_read_back_from_the_configuration(place: str, typed: bool) -> None:
    text = cli(*flags_of(place, typed=typed)).config_text()
    assert "own." in text
    assert resumed(text).config_text() == text


def test_a_default_of_an_enum_that_its_type_does_not_name_is_left_to_the_class() -> None:
    text = cli("--trainer.callbacks+=lightning.pytorch.callbacks.Timer").config_text()  # interval: str = Interval.step
    assert "Timer" in text
    assert resumed(text).config_text() == text


@pytest.mark.parametrize("place", [place for place in PLACES if place != "strategy"])  # the Trainer refuses its name
def test_an_argument_without_type_and_default_needs_a_value(write: Write, place: str) -> None:
    flag, *_, argument = flags_of(place, typed=False)
    write(OWN_MODULE.replace(", lr,", ", rate,").replace("lr=lr", "lr=rate"))  # that of the default would stay
    argument = argument.replace(".lr=", ".rate=")
    with pytest.raises(ConfigError, match=argument.rpartition("=")[0].rpartition(".")[2]):
        cli(flag)


VALUES = ["1", "0.5", "1e-3", "true", "null", "a", "[1, '1', 'true', '1e-3', null]", "{a: {1: ['2']}}", "1:30"]
KEEPS_ALL = """
from torch import nn
class Net(nn.Module):
    def __init__(self, value, default=3):
        super().__init__()
        self.value, self.default = value, default
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("value", VALUES[-3]),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in product(["value", "default"], VALUES)),
    ],
)
def test_an_argument_without_type_takes_any_yaml_value(write: Write, name: str, value: str) -> None:
    write(KEEPS_ALL)
    flags = ["--model.network=own.Net", "--model.network.value=0", f"--model.network.{name}={value}"]
    first = cli(*flags)
    network, again = first.model.network, resumed(first.config_text()).model.network
    wanted = 0.001 if value == "1e-3" else yaml.safe_load(value)  # a number in YAML 1.2, a text in YAML 1.1
    assert getattr(network, name) == wanted
    assert (again.value, again.default) == (network.value, network.default)


DEFAULTS = ["lambda x: x", "nn.ReLU()", "torch.ones(2)", "torch.device('cpu')", "numpy.float32(0.1)", "{1: (2, 3)}",
            "functools.partial(nn.LeakyReLU, 0.1)", "numpy.ones(3)", "nn.ReLU", "torch.relu", "{1, 2}", "(1, 2)",
            "torch.float16", "pathlib.Path('a')", "'1e-3'", "b'a'", "float('inf')", "numpy.float64(1)"]  # fmt: skip
HAS_DEFAULT = """
import functools, pathlib, numpy, torch
from torch import nn
DEFAULT = {default}
class Net(nn.Module):
    def __init__(self, value{type} = DEFAULT):
        super().__init__()
        assert value is DEFAULT or (type(value) is type(DEFAULT) and value == DEFAULT), value
"""


@pytest.mark.parametrize("annotation", ["", ": type(DEFAULT)"], ids=["untyped", "typed"])
@pytest.mark.parametrize(
    "default", [*DEFAULTS[:3], *(pytest.param(default, marks=pytest.mark.slow) for default in DEFAULTS[3:])]
)
def test_a_default_of_any_kind_is_the_same_at_the_resume(write: Write, default: str, annotation: str) -> None:
    write(HAS_DEFAULT.format(default=default, type=annotation))
    text = cli("--model.network=own.Net").config_text()
    assert "serialize" not in text
    assert resumed(text).config_text() == text


def test_a_default_that_is_a_member_of_a_text_enumeration_is_the_same_at_the_resume() -> None:
    text = cli("--trainer.callbacks+=Timer", "--trainer.callbacks.duration=00:01:00:00").config_text()
    assert resumed(text).config_text() == text


def test_a_function_that_returns_a_network_takes_arguments(write: Write) -> None:
    write("from torch import nn\ndef make(width=2, kernel=1) -> nn.Module:\n    return nn.Conv2d(3, width, kernel)\n")
    first = cli("--model.network=own.make", "--model.network.kernel=3")
    assert first.model.network.weight.shape == (16, 3, 3, 3)
    assert resumed(first.config_text()).config_text() == first.config_text()


def test_a_run_with_classes_of_ones_own_is_the_same_when_stopped_and_resumed(run: Run) -> None:
    places = ("network", "optimizer", "lr_scheduler", "augmentation", "callbacks")
    own = [flag for place in places for flag in flags_of(place, typed=False)]
    settings = [*PATHS, TINY[0], *TINY[3:], "--max_epochs=2", "--no_interactive", *own]
    settings += ["--trainer.callbacks+=tests.helpers.stopping.StopAsPlanned"]
    StopAsPlanned.plan[:] = []
    assert run(*settings, "--checkpoint_dir=whole") == 0
    StopAsPlanned.plan[:] = [("step", 1)]
    assert run(*settings, "--checkpoint_dir=parts") == 130
    assert run("--checkpoint_dir=parts", "--ckpt_path=interrupted") == 0
    assert compare_runs(Path("whole"), Path("parts")) == []
