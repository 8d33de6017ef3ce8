"""The whole program on a disk that fills up while it trains."""

from pathlib import Path

import pytest

from tests.helpers import checkpoint_folders
from tests.helpers.ballast import Ballast
from tests.helpers.tiny_run import PATHS, TINY, Run

RESUME = ["--no_interactive", "--ckpt_path=auto"]


@pytest.fixture
def on_small_disk(run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Ballast, "disk", small_disk)
    settings = ["--trainer.callbacks+=tests.helpers.ballast.Ballast", f"--checkpoint_dir={small_disk}"]
    return lambda *argv: run(*PATHS, *TINY, *settings, *argv)


def test_a_run_whose_saves_failed_trains_to_its_end_says_so_and_ends_with_1(
    on_small_disk: Run, run: Run, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Ballast, "full_from", 2)
    assert on_small_disk("--max_epochs=3", "--no_interactive") == 1
    said = capsys.readouterr()
    assert [said.out.count(f"not saved in epoch {epoch}") for epoch in (1, 2, 3)] == [0, 1, 1]
    assert "2 saves failed, the last one in epoch 3, step 6" in said.err
    assert "No space left on device" in said.err
    assert not list(small_disk.glob(".*.tmp"))
    assert checkpoint_folders.run_of(small_disk / "latest_checkpoint.pth")["epoch"] == 1

    (small_disk / "ballast").unlink()
    monkeypatch.setattr(Ballast, "full_from", None)
    assert run(*RESUME, f"--checkpoint_dir={small_disk}") == 0
    assert checkpoint_folders.run_of(small_disk / "latest_checkpoint.pth")["epoch"] == 3


def test_a_disk_without_room_for_one_checkpoint_is_found_before_training_and_costs_nothing(
    on_small_disk: Run, run: Run, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on_small_disk("--max_epochs=1", "--no_interactive") == 0
    (small_disk / "ballast").write_bytes(bytes(2_600_000))
    before = sorted(path.name for path in small_disk.iterdir())
    capsys.readouterr()
    assert run(*RESUME, f"--checkpoint_dir={small_disk}", "--max_epochs=2") == 2
    assert "free, but one checkpoint takes" in capsys.readouterr().err
    assert sorted(path.name for path in small_disk.iterdir()) == before
