"""Real processes that a signal stops."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from tests.helpers import tiny
from tests.helpers.pictures import draw_pairs
from tests.helpers.programs import GO_ON_AS_GIVEN, Begin, begin_in, read_until
from tests.helpers.tiny_run import PATHS, TINY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

PROGRAM = Path(train.__file__)
# The start method of worker processes, which a configuration cannot choose.
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


def stop_in_second_epoch(start: Begin, signum: signal.Signals, start_method: str) -> str:
    """Train with a worker, signal the whole process group in the second epoch; returns what was said after that."""
    process = start(*ENDLESS, "--data.num_workers=1", start_method=start_method)
    read_until(process, "Epoch 2/")
    os.killpg(process.pid, signum)
    rest: str
    rest, _ = process.communicate()
    assert process.returncode == 128 + signum, rest
    assert "saved checkpoints/interrupted_checkpoint.pth" in rest
    return rest


def test_ctrl_c_saves_the_run_spares_its_workers_and_prints_the_command_that_resumes(
    start: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = stop_in_second_epoch(start, signal.SIGINT, "fork")
    words = rest.splitlines()[-1].split()
    assert words[:2] == ["python", str(PROGRAM)]
    monkeypatch.chdir(tmp_path)
    run = tiny.load(Path("checkpoints/interrupted_checkpoint.pth"))["run"]
    assert train.main([*words[2:], f"--max_epochs={run['epoch'] + 1}", "--data.num_workers=0"]) == 0
    assert "Resuming training from epoch" in capsys.readouterr().out
    assert tiny.load(Path("checkpoints/latest_checkpoint.pth"))["run"]["epoch"] == run["epoch"] + 1


@pytest.mark.slow
@pytest.mark.parametrize(("signum", "start_method"), [(signal.SIGTERM, "spawn"), (signal.SIGHUP, "fork")])
def test_every_signal_to_the_process_group_saves_the_run_and_spares_its_workers(
    start: Begin, tmp_path: Path, signum: signal.Signals, start_method: str
) -> None:
    stop_in_second_epoch(start, signum, start_method)
    tiny.load(tmp_path / "checkpoints/interrupted_checkpoint.pth")


@pytest.mark.slow
def test_a_second_signal_ends_the_program_at_once_and_every_file_stays_usable(start: Begin, tmp_path: Path) -> None:
    process = start(*ENDLESS, "--data.num_workers=2")
    read_until(process, "Epoch 2/")
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    files = list((tmp_path / "checkpoints").glob("*.pth"))
    assert files
    for file in files:
        tiny.load(file)


@pytest.mark.parametrize(
    "signum",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
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
