"""The whole program on a disk that fills up while it trains."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

from launch import building
from tests.helpers import checkpoint_folders
from tests.helpers.ballast import Ballast
from tests.helpers.tiny_run import PATHS, TINY, Run

RESUME = ["--no_interactive", "--ckpt_path=auto"]


@pytest.fixture
def on_small_disk(run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Ballast, "disk", small_disk)
    settings = ["--trainer.callbacks+=tests.helpers.ballast.Ballast", f"--checkpoint_dir={small_disk}"]
    return lambda *argv: run(*PATHS, *TINY, *settings, *argv)


def test_a_run_whose_saves_failed_trains_to_its_end_reports_them_and_can_be_resumed_once_there_is_room(
    on_small_disk: Run, run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = [*RESUME, f"--checkpoint_dir={small_disk}"]
    monkeypatch.setattr(Ballast, "full_from", 2)
    assert on_small_disk("--max_epochs=3", "--no_interactive") == 1
    said = capsys.readouterr()
    assert [said.out.count(f"not saved in epoch {epoch}") for epoch in (1, 2, 3)] == [0, 1, 1]
    assert "2 saves failed, the last one in epoch 3, step 6" in said.err
    assert "What was trained after epoch 1, step 2 is not saved." in said.err
    assert "NaN" not in said.out
    assert "No space left on device" in said.err
    assert not list(small_disk.glob(".*.tmp"))
    assert checkpoint_folders.run_of(small_disk / "latest_checkpoint.pth")["epoch"] == 1

    # A disk without room for one checkpoint is found before training.
    monkeypatch.setattr(Ballast, "full_from", None)
    before = sorted(path.name for path in small_disk.iterdir())
    assert run(*resume) == 2
    assert "free, but one checkpoint takes" in capsys.readouterr().err
    assert sorted(path.name for path in small_disk.iterdir()) == before

    (small_disk / "ballast").unlink()
    assert run(*resume) == 0
    assert checkpoint_folders.run_of(small_disk / "latest_checkpoint.pth")["epoch"] == 3


def test_every_line_says_that_nothing_is_saved_from_the_save_interval_on_and_none_once_a_save_succeeds(
    on_small_disk: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Emptied(Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch + 1 == 4:
                (small_disk / "ballast").unlink()

    build = building.build_trainer

    def with_emptied(*args: Any) -> Any:
        trainer, files = build(*args)
        trainer.callbacks.insert(0, Emptied())  # type: ignore[attr-defined]
        return trainer, files

    monkeypatch.setattr(building, "build_trainer", with_emptied)
    monkeypatch.setattr(Ballast, "full_from", 2)
    assert on_small_disk("--max_epochs=5", "--no_interactive", "--checkpoint.save_every_minutes=0") == 1
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if line.startswith("Epoch ")]
    late = ["NOT SAVED for 0:00:0" in line and "(No space left on device)" in line for line in lines]
    assert late == [False, False, True, True, False]  # a line comes before the save of its epoch
    assert "2 saves failed" in said.err
    assert "is not saved" not in said.err
