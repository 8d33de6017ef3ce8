"""Real processes that are told to stop."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import train
from tests.helpers import checkpoint_folders
from tests.helpers.pictures import draw_pairs
from tests.helpers.programs import GO_ON_AS_GIVEN, Begin, begin_in, read_until
from tests.helpers.tiny_run import PATHS, TINY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

PROGRAM = Path(train.__file__)
# Chosen in the program that starts train.py, as a configuration cannot.
WITH_START_METHOD = f"""
import multiprocessing, sys
multiprocessing.set_start_method(sys.argv.pop(1))
{GO_ON_AS_GIVEN}
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Begin]:
    """Starts train.py in a folder with data."""
    draw_pairs(tmp_path / "Data", 12)
    with begin_in(tmp_path) as begin:
        yield lambda *argv, start_method="fork": begin("-c", WITH_START_METHOD, start_method, str(PROGRAM), *argv)


ENDLESS = [*PATHS, *TINY, "--max_epochs=100000", "--no_interactive"]


@pytest.mark.parametrize(
    ("signum", "start_method"), [(signal.SIGINT, "fork"), (signal.SIGTERM, "spawn"), (signal.SIGHUP, "fork")]
)
def test_a_signal_to_the_whole_process_group_saves_and_spares_the_workers(
    start: Begin, tmp_path: Path, signum: signal.Signals, start_method: str
) -> None:
    process = start(*ENDLESS, "--data.num_workers=1", start_method=start_method)
    read_until(process, "Epoch 2/")
    os.killpg(process.pid, signum)
    rest, _ = process.communicate()
    assert process.returncode == 128 + signum, rest
    assert "saved checkpoints/interrupted_checkpoint.pth" in rest
    torch.load(tmp_path / "checkpoints/interrupted_checkpoint.pth", weights_only=True)


def test_the_command_that_is_printed_after_a_signal_resumes(start: Begin, tmp_path: Path) -> None:
    process = start(*ENDLESS)
    read_until(process, "Epoch 2/")
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate()
    words = rest.splitlines()[-1].split()
    assert words[:2] == ["python", str(PROGRAM)]
    done = checkpoint_folders.run_of(tmp_path / "checkpoints/interrupted_checkpoint.pth")["epoch"]
    resumed = start(*words[2:], f"--max_epochs={done + 1}")
    said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
    assert "Resuming training from epoch" in said


def test_a_second_signal_leaves_at_once_and_every_file_stays_sound(start: Begin, tmp_path: Path) -> None:
    process = start(*ENDLESS, "--data.num_workers=2")
    read_until(process, "Epoch 2/")
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    for file in (tmp_path / "checkpoints").glob("*.pth"):
        torch.load(file, weights_only=True)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_torch_is_imported_ends_the_program_at_once(
    start: Begin, tmp_path: Path, signum: signal.Signals
) -> None:
    process = start(*ENDLESS)
    read_until(process, "No checkpoint found")
    os.killpg(process.pid, signum)
    rest, _ = process.communicate()
    assert process.returncode == 128 + signum
    assert "Interrupted before training began." in rest
    assert "Traceback" not in rest
    assert not (tmp_path / "checkpoints").exists()
