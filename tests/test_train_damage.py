"""The whole program on damaged and hostile checkpoints: nothing runs, nothing is lost, another one is named."""

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
    """In place: what is linked to it has the same bits."""
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
    """The menu in a console that passes lines, and what is typed there."""
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize("ckpt_path", ["latest", "epoch", "checkpoints/checkpoint_epoch_2.pth", None])
def test_a_flipped_bit_in_a_weight_is_found_before_anything_is_touched(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ckpt_path: str | None
) -> None:
    flip_a_bit_of_a_weight(LATEST)
    torch.load(LATEST, weights_only=True)  # which finds nothing
    before = contents()
    if ckpt_path is None:
        answer(monkeypatch, "1")
    assert trained(MORE, *([] if ckpt_path is None else ["--ckpt_path", ckpt_path])) == 2
    said = capsys.readouterr().err
    assert "cannot be loaded: damaged content (archive/data/0)" in said
    assert "Use --ckpt_path checkpoints/best_model.pth, the newest usable checkpoint in this folder." in said
    assert "Traceback" not in said
    assert contents() == before


def test_auto_goes_on_from_the_newest_file_that_has_no_flipped_bit(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit_of_a_weight(LATEST)
    assert trained("--ckpt_path=auto", MORE) == 0
    said = capsys.readouterr().out
    for name in ("latest_checkpoint.pth", "checkpoint_epoch_2.pth"):
        assert f"--ckpt_path auto skips {name}: damaged content (archive/data/0)." in said
    assert "Resuming training from epoch 2/3" in said


@pytest.mark.parametrize("ckpt_path", ["latest", "checkpoints/latest_checkpoint.pth"])
def test_a_checkpoint_that_would_run_code_is_refused_by_the_name_of_it(
    trained: Run, capsys: pytest.CaptureFixture[str], ckpt_path: str
) -> None:
    make_hostile(LATEST)
    before = contents()
    assert trained(MORE, "--ckpt_path", ckpt_path) == 2
    assert "system" in capsys.readouterr().err.partition("would run code: ")[2]
    assert contents() == before
    assert not EXECUTED.exists()


def test_auto_passes_over_a_checkpoint_that_would_run_code(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    make_hostile(LATEST)
    assert trained("--ckpt_path=auto", MORE) == 0
    assert "--ckpt_path auto skips latest_checkpoint.pth: would run code: " in capsys.readouterr().out
    assert not EXECUTED.exists()


def test_the_menu_shows_and_does_not_take_a_checkpoint_that_would_run_code(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    answer(monkeypatch, "1", "2")
    assert trained(MORE) == 0
    said = capsys.readouterr().out
    assert "damaged: would run code: " in said
    assert "[1] cannot be used: would run code: " in said
    assert "You chose: best_model.pth" in said
    assert not EXECUTED.exists()


def test_starting_over_deletes_such_a_file_of_the_program_and_keeps_a_foreign_one(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    hostile = LATEST.read_bytes()
    foreign = LATEST.with_name("foreign.pth")
    foreign.write_bytes(hostile)
    answer(monkeypatch, "n", "y")
    assert trained(*TINY, "--max_epochs=1") == 0
    assert "Kept (not of this program): foreign.pth" in capsys.readouterr().out
    assert foreign.read_bytes() == hostile
    assert load(LATEST.name)["run"]["epoch"] == 1
    assert not EXECUTED.exists()
