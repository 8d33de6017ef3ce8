"""What a new run replaces stays until its first save, in the whole program: any earlier end brings everything back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import train
from tests.helpers.tiny_run import PATHS, TINY, Run, contents

NEW = ["--no_interactive", *PATHS, *TINY, "--max_epochs=1"]
UNRULY = """
import os
import signal

from lightning.pytorch import Callback
from lightning.fabric.utilities.exceptions import MisconfigurationException


class FailsAtStart(Callback):
    def on_train_start(self, trainer, pl_module):
        raise RuntimeError("a fault of mine")


class Refuses(Callback):
    def on_fit_start(self, trainer, pl_module):
        raise MisconfigurationException("not this training")


class FailsInValidation(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            raise RuntimeError("a fault of mine")


class FailsInSecondEpoch(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            raise RuntimeError("a fault of mine")


class Signals(Callback):
    def __init__(self, signum: int):
        self.signum = signum

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        os.kill(os.getpid(), self.signum)
"""


@pytest.fixture
def unruly(trained: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of two epochs in a folder that also has callbacks of the user's own."""
    Path("unruly.py").write_text(UNRULY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    return trained


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--trainer.callbacks+=LearningRateMonitor"], "LearningRateMonitor writes to a logger, and there is none"),
        (
            ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/iuo"],
            "EarlyStopping: monitor is 'val/iuo', expected one of: val/loss, val/iou, ",
        ),
        (
            ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/iou"],
            "EarlyStopping: mode is 'min', the wrong direction for val/iou: use 'max'.",
        ),
    ],
)
def test_a_callback_that_lacks_what_it_needs_is_named_before_any_file_moves(
    trained: Run, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    before = contents()
    assert trained(*NEW, *flags) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert "Traceback" not in output.err
    assert "archived" not in output.out
    assert contents() == before


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        pytest.param("FailsAtStart", [], marks=pytest.mark.slow),
        ("FailsInValidation", []),
        pytest.param("FailsInValidation", ["--ckpt_path=checkpoints/checkpoint_epoch_1.pth"], marks=pytest.mark.slow),
    ],
)
def test_a_fault_before_the_first_save_brings_back_every_file(
    unruly: Run, capsys: pytest.CaptureFixture[str], name: str, decision: list[str]
) -> None:
    before = contents()
    with pytest.raises(RuntimeError, match="a fault of mine"):
        unruly(*NEW, "--max_epochs=2", f"--trainer.callbacks+=unruly.{name}", *decision)
    said = capsys.readouterr().out
    assert "will be archived after the first save" in said
    assert "The new run ended before its first save: " in said
    assert contents() == before


def test_a_fault_after_the_first_save_is_saved_as_in_any_run(unruly: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="a fault of mine"):
        unruly(*NEW, "--max_epochs=2", "--trainer.callbacks+=unruly.FailsInSecondEpoch")
    said = capsys.readouterr().out
    assert "Moved the earlier run, 8 files, to checkpoints" in said
    assert "Training failed. All steps before that (2) are saved in checkpoints/interrupted_checkpoint.pth." in said


def test_a_callback_that_refuses_the_training_is_one_message_and_brings_back_every_file(
    unruly: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert unruly(*NEW, "--trainer.callbacks+=unruly.Refuses") == 2
    assert capsys.readouterr().err == "train.py: not this training\n"
    assert contents() == before


def test_a_stop_before_the_first_epoch_ends_saves_the_new_run_and_archives_the_old_one(
    unruly: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    flags = ["--trainer.callbacks+=unruly.Signals", f"--trainer.callbacks.signum={int(signal.SIGTERM)}"]
    assert unruly(*NEW, *flags) == 128 + signal.SIGTERM
    assert "Moved the earlier run, 8 files, to checkpoints" in capsys.readouterr().out
    new = {name for name in contents() if "archive" not in name}
    written = ("config.yaml", "data_scan.json", "interrupted_checkpoint.pth")
    assert new == {str(Path("checkpoints") / name) for name in written}
    (archived,) = Path("checkpoints/archive").iterdir()
    assert {Path(name).name: content for name, content in contents(str(archived)).items()} == {
        Path(name).name: content for name, content in before.items()
    }


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signal")
def test_a_kill_before_the_first_save_costs_nothing_and_the_next_start_says_so(
    unruly: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    flags = ["--trainer.callbacks+=unruly.Signals", f"--trainer.callbacks.signum={int(signal.SIGKILL)}"]
    program = [sys.executable, train.__file__]
    own = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    ended = subprocess.run([*program, *NEW, *flags], env=own, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert unruly("--ckpt_path=latest", "--max_epochs=2") == 0
    said = capsys.readouterr().out
    assert "An earlier start was killed.\nThe new run ended before its first save: 8 files that had made way" in said
    assert {name for name in contents() if "training_run" not in name} == set(before)
