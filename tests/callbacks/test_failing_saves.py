"""Saves that the system refuses: the old file stays, training goes on, and says so."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from callbacks import AtomicCheckpointIO, CheckpointFiles, SaveFailedError
from callbacks.boundary import Boundary
from resume.system import durable_files
from tests.helpers.stopping import PlannedError, SignalAtStep
from tests.helpers.tiny import BATCHES, load, names, train

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class RefuseSaves(Callback):
    """From the start of one epoch (from 1) to the start of another, the system refuses to bring files to the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, end: int, error: OSError = FULL) -> None:
        self.monkeypatch = monkeypatch
        self.first = first
        self.end = end
        self.error = error

    def _refuse(self, _descriptor: int) -> None:
        raise self.error

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch + 1 == self.first:
            self.monkeypatch.setattr(os, "fsync", self._refuse)
        if trainer.current_epoch + 1 == self.end:
            self.monkeypatch.undo()


def files_of(trainer: Any) -> CheckpointFiles:
    return next(callback for callback in trainer.callbacks if isinstance(callback, CheckpointFiles))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_refused_save_leaves_the_files_before_it_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    refuse = RefuseSaves(monkeypatch, 2, 3, OSError(number, os.strerror(number)))
    trainer = train(tmp_path, [0.1, 0.2, 0.3], callbacks=[refuse])
    assert trainer.global_step == 3 * BATCHES
    assert names(tmp_path) == [
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_3.pth",
        "latest_checkpoint.pth",
    ]
    assert files_of(trainer).saves.failed == [
        f"epoch 2, step {2 * BATCHES}: best_model.pth, checkpoint_epoch_2.pth, latest_checkpoint.pth: "
        f"{os.strerror(number)}"
    ]
    said = capsys.readouterr().out
    assert said.count("Warning: not saved in epoch 2") == 1
    assert "training continues" in said


def test_each_refused_save_is_told_and_the_last_good_files_stand_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [0.1, 0.2, 0.3], callbacks=[RefuseSaves(monkeypatch, 2, 9)])
    assert names(tmp_path) == ["best_model.pth", "checkpoint_epoch_1.pth", "latest_checkpoint.pth"]
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["epoch"] == 1
    said = capsys.readouterr().out
    assert [said.count(f"not saved in epoch {epoch}") for epoch in (1, 2, 3)] == [0, 1, 1]


def test_the_best_score_is_that_of_a_file_which_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = train(tmp_path, [0.1, 0.9, 0.3], callbacks=[RefuseSaves(monkeypatch, 2, 3)])
    assert files_of(trainer).best_score == pytest.approx(0.3)
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 3


def test_one_name_that_is_refused_costs_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = durable_files._replace

    def refuse_best(temporary: Path, path: Path) -> None:
        if path.name == "best_model.pth":
            raise PermissionError(errno.EACCES, "open in another program")
        replace(temporary, path)

    monkeypatch.setattr(durable_files, "_replace", refuse_best)
    trainer = train(tmp_path, [0.1, 0.2])
    assert names(tmp_path) == ["checkpoint_epoch_1.pth", "checkpoint_epoch_2.pth", "latest_checkpoint.pth"]
    assert files_of(trainer).saves.failed == [
        f"epoch {epoch}, step {epoch * BATCHES}: best_model.pth: open in another program" for epoch in (1, 2)
    ]


def test_a_stop_that_cannot_be_saved_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SaveFailedError, match=r"interrupted_checkpoint\.pth could not be saved \(No space left"):
        train(tmp_path, [0.1, 0.2, 0.3], callbacks=[RefuseSaves(monkeypatch, 2, 9), SignalAtStep(BATCHES)])
    assert names(tmp_path) == ["best_model.pth", "checkpoint_epoch_1.pth", "latest_checkpoint.pth"]


def test_an_error_that_cannot_be_saved_either_is_still_the_error_that_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PlannedError):
        train(tmp_path, [0.1, 0.2], callbacks=[RefuseSaves(monkeypatch, 2, 9), FailAtStep()])
    assert "Training failed, and" in capsys.readouterr().out
    assert "interrupted_checkpoint.pth" not in names(tmp_path)


class FailAtStep(Callback):
    """A bad batch at step 5."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == BATCHES + 1:
            raise PlannedError


class RefuseState(Callback):
    """What a save of an exception meets, for example on a GPU that has failed: any error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self._refuses = False

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._refuses = True

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        if self._refuses:
            raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: assert\nFor debugging"), "RuntimeError: CUDA error: assert"),
        (ValueError("too large"), "ValueError: too large"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_the_save_of_an_exception_meets_is_a_line_and_the_exception_is_what_is_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, expected: str
) -> None:
    with pytest.raises(PlannedError):
        train(tmp_path, [0.1, 0.2], callbacks=[RefuseState(error), FailAtStep()])
    said = capsys.readouterr().out
    assert f"interrupted_checkpoint.pth could not be saved ({expected})" in said
    assert "interrupted_checkpoint.pth" not in names(tmp_path)


def test_an_exception_that_leaves_no_way_back_to_the_last_step_is_what_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_boundary: Boundary) -> bool:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(Boundary, "go_back", fail)
    with pytest.raises(PlannedError):
        train(tmp_path, [0.1, 0.2], callbacks=[FailAtStep()])
    assert "could not be saved (RuntimeError: CUDA error)" in capsys.readouterr().out


class Heavy(Callback):
    """Makes checkpoints of about a megabyte, and the disk full behind the first epoch."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["weight"] = torch.zeros(250_000)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            (self.disk / "ballast").write_bytes(bytes(2_500_000))


def test_a_disk_that_is_really_full_leaves_no_half_file_and_no_temporary_one(small_disk: Path) -> None:
    trainer = train(small_disk, [0.1, 0.2, 0.3], callbacks=[Heavy(small_disk)])
    assert names(small_disk) == ["ballast", "best_model.pth", "checkpoint_epoch_1.pth", "latest_checkpoint.pth"]
    assert load(small_disk / "latest_checkpoint.pth")["run"]["epoch"] == 1
    assert "No space left on device" in files_of(trainer).saves.failed[-1]


def test_what_the_system_said_is_told_and_not_what_torch_makes_of_it(small_disk: Path) -> None:
    path = small_disk / "latest_checkpoint.pth"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    with pytest.raises(OSError, match="No space left on device"):
        AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(2_000_000)}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(small_disk.iterdir()) == [path]
