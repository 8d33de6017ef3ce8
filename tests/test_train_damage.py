"""The whole program on damaged and hostile checkpoints: no code runs, no file is lost, another checkpoint is named."""

import io
import json
import os
import pickle
import pickletools
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import resume
from tests.helpers import checkpoint_folders, shards
from tests.helpers.hostile import doubled, string
from tests.helpers.tiny_run import TINY, Run, contents, load
from tests.helpers.zip_files import archive_of

MORE = "--max_epochs=3"
LATEST = Path("checkpoints/latest_checkpoint.pth")
EXECUTED = Path("executed")


SPOILS = """
from lightning.pytorch import Callback
from tests.test_train_damage import LATEST, flip_a_bit_of_a_weight
class Spoils(Callback):
    def setup(self, trainer, pl_module, stage): flip_a_bit_of_a_weight(LATEST)
"""


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
    """Let the pickle run code when it is read; the run entry stays. The program's own writer would refuse it."""
    code = pickle.dumps(Hostile(), protocol=2)[2:-1]  # without its header and its end
    add_to_pickle(path, lambda content: string(b"callbacks") + code)


def make_slow(path: Path, levels: int) -> None:
    """Give the pickle a key that torch.load(weights_only=True) hashes in 2^levels steps; the run entry stays."""

    def key(content: bytes) -> bytes:
        memos = sum("PUT" in operation.name for operation, _, _ in pickletools.genops(content))
        return string(b"more") + b"}" + doubled(levels, memos) + b"Ns"

    add_to_pickle(path, key)


def add_to_pickle(path: Path, entry: Callable[[bytes], bytes]) -> None:
    """Add an entry, as operations of a pickle, to the dict in a checkpoint."""
    with zipfile.ZipFile(path) as archive:
        parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    run = json.loads(parts.pop("run.json"))["run"]
    content = parts["data.pkl"]
    parts["data.pkl"] = content[:-1] + entry(content) + b"s."
    path.unlink()
    path.write_bytes(archive_of({**parts, "run.json": checkpoint_folders.run_json(run, parts)}))


def make_unloadable(path: Path) -> None:
    """Let the pickle ask for something harmless that torch cannot make; the run entry stays."""
    size_of_a_text = b"ctorch\nSize\n" + string(b"a") + b"\x85\x85R"
    add_to_pickle(path, lambda content: string(b"more") + size_of_a_text)


def take_out(path: Path, bit: int) -> None:
    """Flip a bit of the attributes that the directory has for the first weight; 0x10 is the mark of a folder."""
    whole = bytearray(path.read_bytes())
    line = whole.rindex(b"archive/data/0") - 46
    whole[line + 38] ^= bit
    path.write_bytes(whole)


def make_shards(path: Path) -> None:
    """A folder of shards in place of the file, whose table runs code when torch reads it; the run entry stays."""
    content, run = torch.load(path, weights_only=True), checkpoint_folders.run_of(path)
    path.unlink()
    shards.save(path, 2, content.pop("state_dict"))
    (path / ".metadata").write_bytes(pickle.dumps(Hostile()))
    del content["optimizer_states"]
    shards.save_rest(path, content, run)


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
    assert "Use --ckpt_path checkpoints/best_model.pth, the newest usable checkpoint in this folder." in said
    assert "Traceback" not in said
    assert contents() == before


def test_auto_resumes_from_the_newest_file_that_is_neither_damaged_nor_hostile(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    intact = LATEST.read_bytes()
    flip_a_bit_of_a_weight(LATEST)
    LATEST.unlink()  # the epoch file, which was linked to it, keeps the flipped bit
    LATEST.write_bytes(intact)
    make_hostile(LATEST)
    assert trained("--ckpt_path=auto", MORE) == 0
    said = capsys.readouterr().out
    assert "--ckpt_path auto skips latest_checkpoint.pth: would run code: " in said
    assert "--ckpt_path auto skips checkpoint_epoch_2.pth: damaged content (archive/data/0)." in said
    assert "Resuming training from epoch 2/3" in said
    assert not EXECUTED.exists()


def test_auto_takes_no_file_whose_directory_calls_a_weight_a_folder(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """torch would take memory that nobody has written for that weight."""
    copy = LATEST.read_bytes()
    LATEST.unlink()
    LATEST.write_bytes(copy)
    take_out(LATEST, 0x10)
    assert trained("--ckpt_path=auto", MORE) == 0
    said = capsys.readouterr().out
    assert "auto skips latest_checkpoint.pth: damaged archive, or of another program (directory)." in said
    assert "Resuming training from epoch 3/3" in said


def test_auto_goes_on_to_the_next_file_where_torch_refuses_one(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_unloadable(LATEST)
    assert trained("--ckpt_path=auto", MORE) == 0
    said = capsys.readouterr()
    assert "Loading checkpoint from checkpoints/latest_checkpoint.pth..." in said.out
    assert "--ckpt_path auto skips latest_checkpoint.pth: " in said.out
    assert "Loading checkpoint from checkpoints/checkpoint_epoch_2.pth..." in said.out
    assert "Resuming training from epoch 3/3" in said.out
    assert said.err == ""


def test_a_named_file_that_torch_refuses_ends_the_start(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    make_unloadable(LATEST)
    before = contents()
    assert trained("--ckpt_path=latest", MORE) == 2
    assert "latest_checkpoint.pth cannot be loaded: " in capsys.readouterr().err
    assert contents() == before


def test_a_file_that_changes_after_the_checks_trains_nothing(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spoils.py").write_text(SPOILS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert trained("--ckpt_path=latest", MORE, "--trainer.callbacks+=spoils.Spoils") == 2
    said = capsys.readouterr().err
    assert "latest_checkpoint.pth was loaded as something else than was saved (damaged content (data/0))" in said
    assert "Traceback" not in said
    assert not LATEST.with_name("interrupted_checkpoint.pth").exists()
    assert not LATEST.with_name("checkpoint_epoch_3.pth").exists()


def test_a_key_that_takes_minutes_to_hash_is_refused_at_once_before_anything_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_slow(LATEST, levels=4)
    torch.load(LATEST, weights_only=True)  # which such a key does not stop
    make_slow(LATEST, levels=40)
    before = contents()
    begun = time.monotonic()
    assert trained(MORE, "--ckpt_path=latest") == 2
    assert time.monotonic() - begun < 60
    assert "cannot be loaded: damaged pickle. Use --ckpt_path checkpoints/" in capsys.readouterr().err
    assert contents() == before


def test_a_forged_table_of_shards_runs_nothing_and_ends_before_anything_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_shards(LATEST)
    before = contents()
    assert trained(MORE, "--ckpt_path=checkpoints/latest_checkpoint.pth") == 2
    assert "system" in capsys.readouterr().err.partition("cannot be loaded: would run code: ")[2]
    assert contents() == before
    assert not EXECUTED.exists()


def test_the_menu_shows_a_checkpoint_of_another_program_as_such_and_does_not_accept_it(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(LATEST, weights_only=True)
    LATEST.unlink()
    torch.save(content, LATEST)
    with pytest.raises(resume.ResumeError) as refusal:
        resume.choose(resume.read_arguments(["--lang=en", "--ckpt_path=latest"]))
    assert "latest_checkpoint.pth: not of this program (no run.json). Found: " in str(refusal.value)
    assert "Use --ckpt_path best, --ckpt_path epoch, or --no_interactive for a new run." in str(refusal.value)
    answer(monkeypatch, "1", "2")
    assert trained(MORE) == 0
    said = capsys.readouterr().out
    assert "not of this program (no run.json)" in said.partition("[2]")[0]
    assert "[1] cannot be used: not of this program (no run.json)" in said
    assert "You chose: best_model.pth" in said


def test_a_checkpoint_that_would_run_code_is_refused_by_the_name_of_that_code_after_a_choice_in_the_menu(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    before = contents()
    answer(monkeypatch, "1")
    assert trained(MORE) == 2
    said = capsys.readouterr()
    assert "You chose: latest_checkpoint.pth" in said.out
    assert "system" in said.err.partition("cannot be loaded: would run code: ")[2]
    assert contents() == before
    assert not EXECUTED.exists()


def test_starting_over_deletes_a_hostile_file_of_the_program_and_keeps_a_foreign_one(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_hostile(LATEST)
    foreign = LATEST.with_name("foreign.pth")
    torch.save({"state_dict": {}, "callbacks": Hostile()}, foreign)
    hostile = foreign.read_bytes()
    answer(monkeypatch, "n", "y")
    assert trained(*TINY, "--max_epochs=1") == 0
    assert "Kept (not of this program): foreign.pth" in capsys.readouterr().out
    assert foreign.read_bytes() == hostile
    assert load(LATEST.name)["run"]["epoch"] == 1
    assert not EXECUTED.exists()
