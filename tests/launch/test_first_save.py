"""No run is trained that could not be resumed: its first save is tried before anything is touched."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.helpers.tiny_run import PATHS, TINY, Run, contents, load

SAVES = """
from pathlib import Path
import collections, numpy, torch
from lightning.pytorch import Callback
from lit_modules import Segmentation
from lit_modules.networks import UNet

class Own:
    pass

def own_function(): pass

VALUE = {value}

class Saves(Callback):
    def state_dict(self):
        return {{"count": 1, "inner": [{{"what": VALUE}}]}}

class Grows(Saves):
    epochs = 0
    def on_train_epoch_start(self, *args):
        self.epochs += 1
    def state_dict(self):
        return {{}} if self.epochs < 2 else super().state_dict()

class Opt(torch.optim.SGD):
    def __init__(self, params, lr=0.1):
        super().__init__(params, lr=lr)
        self.param_groups[0]["what"] = VALUE

class Late(torch.optim.SGD):
    def step(self, closure=None):
        self.state[self.param_groups[0]["params"][0]]["what"] = VALUE
        return super().step(closure)

class Schedule(torch.optim.lr_scheduler.StepLR):
    def __init__(self, optimizer, size=1):
        self.what = VALUE
        super().__init__(optimizer, size)

class Net(UNet):
    def get_extra_state(self):
        return {{"what": VALUE}}
    def set_extra_state(self, state):
        pass

class Module(Segmentation):
    def __init__(self, what=None, **kwargs):
        super().__init__(**kwargs)
        self.save_hyperparameters({{"what": VALUE}})
"""
PLACES = {
    "callback": ["--trainer.callbacks+=saves.Saves"],
    "optimizer": ["--model.optimizer=saves.Opt"],
    "optimizer after a step": ["--model.optimizer=saves.Late", "--model.optimizer.lr=0.1"],
    "schedule": ["--model.lr_scheduler=saves.Schedule"],
    "network": ["--model.network=saves.Net"],
    "module": ["--model=saves.Module"],
}
REFUSED = {
    "Path('a')": f"pathlib.{type(Path()).__name__}",
    "Own()": "saves.Own",
    "numpy.float64(0.5)": "numpy.float64",
    "numpy.ones(2)": "numpy.ndarray",
    "own_function": "builtins.function",
    "lambda: 0": "builtins.function",
    "collections.defaultdict(int)": "collections.defaultdict",
    "collections.deque()": "collections.deque",
}
ACCEPTED = ["{1, 2}", "(1, None, 'a', 2.5, True)", "torch.ones(2)", "{'a': [torch.float16]}", "b'a'",
            "collections.OrderedDict(a=1)", "torch.nn.Parameter(torch.ones(2))"]  # fmt: skip


@pytest.fixture
def start(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Starts the program with a module `saves` whose classes save this value."""
    code = tmp_path / "code"
    code.mkdir()
    monkeypatch.syspath_prepend(code)

    def start_with(value: str, *flags: str) -> int:
        (code / "saves.py").write_text(SAVES.format(value=value), encoding="utf-8")
        return run(*PATHS, *TINY, "--max_epochs=1", *flags, "--no_interactive")

    sys.modules.pop("saves", None)
    yield start_with
    sys.modules.pop("saves", None)


@pytest.mark.parametrize("place", PLACES)
def test_a_state_that_no_resume_could_read_is_refused_wherever_it_is(
    start: Run, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start("Own()", *PLACES[place]) == 2
    assert "['what'] is of the class saves.Own" in capsys.readouterr().err
    assert contents() == {}


@pytest.mark.slow
@pytest.mark.parametrize("value", REFUSED)
def test_what_a_checkpoint_cannot_hold_is_named(start: Run, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(value, *PLACES["callback"]) == 2
    assert f"Saves: state_dict()['inner'][0]['what'] is of the class {REFUSED[value]}" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("value", ACCEPTED)
def test_what_a_checkpoint_can_hold_is_accepted_and_resumed(start: Run, run: Run, value: str) -> None:
    assert start(value, *PLACES["callback"]) == 0
    assert run("--no_interactive", "--ckpt_path=latest", "--max_epochs=2") == 0


@pytest.mark.parametrize("value", ["Own()", pytest.param("lambda: 0", marks=pytest.mark.slow)])
def test_a_state_that_comes_in_training_replaces_no_checkpoint_that_can_be_read(
    start: Run, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(value, "--trainer.callbacks+=saves.Grows", "--max_epochs=3") == 1
    said = capsys.readouterr().err
    assert "no resume could read it" in said
    assert "Traceback" not in said
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 1


def test_a_torch_that_writes_no_checksums_is_refused_before_training(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        assert run(*PATHS, *TINY, "--max_epochs=1", "--no_interactive") == 2
    finally:
        torch.serialization.set_crc32_options(True)
    assert "no checksums (torch.serialization.set_crc32_options)" in capsys.readouterr().err
    assert contents() == {}
