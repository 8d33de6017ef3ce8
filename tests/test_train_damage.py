"""The whole program on damaged and hostile checkpoints: no code runs, no file is lost, another checkpoint is named."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.tiny_run import TINY, Run, contents, load

MORE = "--max_epochs=3"
LATEST = Path("checkpoints/latest_checkpoint.pth")
EXECUTED = Path("executed")


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"echo > {EXECUTED.resolve()}",)


def flip_a_bit_of_a_weight(path: Path) -> None:
    """Change the file in place, so that all names that are links to it change too."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("archive/data/0")
        content = archive.read(entry)
    whole = path.read_bytes()
    at = whole.index(content, entry.header_offset)
    with path.open("r+b") as file:
        file.seek(at + 3)
        file.write(bytes([whole[at + 3] ^ 0x40]))


def make_hostile(path: Path) -> None:
    content: dict[str, Any] = load(path.name)
    path.unlink()
    torch.save({**content, "callbacks": Hostile()}, path)


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Show the menu as in a console that passes whole lines, and type these lines."""
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_flipped_bit_in_a_weight_is_found_before_anything_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit_of_a_weight(LATEST)
    torch.load(LATEST, weights_only=True)  # which finds nothing
    before = contents()
    assert trained(MORE, "--ckpt_path=latest") == 2
    said = capsys.readouterr().err
    assert "cannot be loaded: damaged content (archive/data/0)" in said
    assert "Use --ckpt_path checkpoints/best_model.pth, the newest one beside it that is sound." in said
    assert "Traceback" not in said
    assert contents() == before


def test_auto_resumes_from_the_newest_file_that_is_neither_damaged_nor_hostile(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit_of_a_weight(LATEST)
    make_hostile(LATEST)  # the epoch file, which was linked to it, keeps the flipped bit
    assert trained("--ckpt_path=auto", MORE) == 0
    said = capsys.readouterr().out
    assert "--ckpt_path auto: not latest_checkpoint.pth: would run code: " in said
    assert "--ckpt_path auto: not checkpoint_epoch_2.pth: damaged content (archive/data/0)." in said
    assert "Resuming training from epoch 2/3" in said
    assert not EXECUTED.exists()


def test_a_checkpoint_that_would_run_code_is_refused_by_the_name_of_that_code(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    before = contents()
    assert trained(MORE, "--ckpt_path=latest") == 2
    assert "system" in capsys.readouterr().err.partition("would run code: ")[2]
    assert contents() == before
    assert not EXECUTED.exists()


def test_the_menu_accepts_no_hostile_checkpoint_and_starting_over_deletes_only_that_of_the_program(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    hostile = LATEST.read_bytes()
    foreign = LATEST.with_name("foreign.pth")
    foreign.write_bytes(hostile)
    answer(monkeypatch, "1", "n", "y")
    assert trained(*TINY, "--max_epochs=1") == 0
    said = capsys.readouterr().out
    assert "damaged: would run code: " in said
    assert "[1] cannot be used: would run code: " in said
    assert "Kept (not of this program): foreign.pth" in said
    assert foreign.read_bytes() == hostile
    assert load(LATEST.name)["run"]["epoch"] == 1
    assert not EXECUTED.exists()
