"""The first process of a launch looks at the data, and the others take what it has found, or end as it ends."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.helpers.launches import PROGRAM, TORCHRUN, TWO, Launch
from tests.helpers.pictures import draw_pairs
from tests.helpers.programs import GO_ON_AS_GIVEN
from tests.helpers.tiny_run import TINY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process"),
]

PAIRS = 12
# train.py, which notes each ground truth that is looked at, and each process that waits; with HOLD, the first one's
# look lasts until a signal comes.
WATCHED = f"""
import os, pathlib, sys, time
sys.path.insert(0, {str(PROGRAM.parent)!r})
import datamodules.scanning
from datamodules.run_pairs import RunPairs
from launch.meeting import Meeting

rank = next((os.environ[name] for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ), "0")
look, hear, find = datamodules.scanning.statistics, Meeting.hear, RunPairs.facts

def noted(raster):
    with open(f"looks_{{rank}}", "a") as file:
        file.write("1")
    return look(raster)

def waiting(self):
    pathlib.Path(f"waits_{{rank}}").write_text(str(os.getpid()))
    return hear(self)

def held(self, *arguments):
    pathlib.Path("held").write_text(str(os.getpid()))
    while "HOLD" in os.environ:
        time.sleep(0.02)
    yield from find(self, *arguments)

datamodules.scanning.statistics, Meeting.hear, RunPairs.facts = noted, waiting, held
{GO_ON_AS_GIVEN}
"""
FLAGS = [*TINY, *TWO, "--lang=en", "--image_path=../Data/images", "--gt_path=../Data/gt", "--max_epochs=1"]
FLAGS += ["--no_interactive"]
SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NNODES": "1", "SLURM_NTASKS": "2"}
SLURM |= {"SLURM_NTASKS_PER_NODE": "2", "SLURM_NODEID": "0", "MASTER_ADDR": "127.0.0.1"}
Begin = Callable[..., Launch]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts processes in one folder with data; each is watched."""
    draw_pairs(tmp_path / "Data", PAIRS)
    (tmp_path / "run").mkdir()
    (tmp_path / "watched.py").write_text(WATCHED, encoding="utf-8")
    begun: list[Launch] = []

    def launch(command: list[str], *argv: str, **environ: str) -> Launch:
        words = [*command, str(tmp_path / "watched.py"), str(PROGRAM), *FLAGS, *argv]
        begun.append(Launch(words, tmp_path / "run", **environ))
        return begun[-1]

    yield launch
    for program in begun:
        program.kill()


def two_tasks(begin: Begin, *argv: str, **environ: str) -> list[Launch]:
    """The two processes of a SLURM job on one node."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        job = {**SLURM, "MASTER_PORT": str(free.getsockname()[1]), **environ}
    return [
        begin([*TORCHRUN[:2]], *argv, **job, SLURM_PROCID=rank, SLURM_LOCALID=rank)  # python -u
        for rank in ("0", "1")
    ]


def wait_until_held(folder: Path, *programs: Launch) -> None:
    for program in programs:
        program.wait_until(lambda: (folder / "held").exists() and (folder / "waits_1").exists(), "held")


def harm(folder: Path, *numbers: int) -> None:
    """Cut ground truth short."""
    files = sorted((folder.parent / "Data/gt").iterdir())
    for number in numbers:
        whole = files[number].read_bytes()
        files[number].write_bytes(whole[: len(whole) // 2])


def facts(folder: Path) -> dict[str, object]:
    content = yaml.safe_load((folder / "checkpoints/config.yaml").read_text(encoding="utf-8"))
    found: dict[str, object] = content["data"]["init_args"]
    return {name: found[name] for name in ("image_pattern", "channels", "num_classes", "gt_reading", "class_values")}


FOUND = {"image_pattern": "{stem}.*", "channels": 3, "num_classes": 2, "gt_reading": "values", "class_values": [0, 255]}


@pytest.mark.parametrize("launcher", ["torchrun", "lightning"])
def test_the_first_process_alone_looks_and_a_file_that_it_cannot_read_is_skipped_by_all(
    begin: Begin, tmp_path: Path, launcher: str
) -> None:
    folder = tmp_path / "run"
    harm(folder, 5)
    command = [*TORCHRUN, "--nproc-per-node=2"] if launcher == "torchrun" else [*TORCHRUN[:2]]
    program = begin(command, "--data.skip_unreadable=1")
    assert program.finish() == 0, program.complained()
    assert len((folder / "looks_0").read_text()) == PAIRS - 1
    assert not (folder / "looks_1").exists()
    assert program.said().count("Skipped for this run") == 1
    assert (folder / "waits_1").exists() == (launcher == "torchrun")
    assert facts(folder) == FOUND


def test_the_tasks_of_a_job_meet_where_they_form_their_group_later(begin: Begin, tmp_path: Path) -> None:
    both = two_tasks(begin)
    assert [program.finish() for program in both] == [0, 0], both[1].complained()
    assert len((tmp_path / "run/looks_0").read_text()) == PAIRS
    assert not (tmp_path / "run/looks_1").exists()
    assert both[0].said().count("Ground truth: ") == 1
    assert both[0].complained() + both[1].said() + both[1].complained() == ""
    assert facts(tmp_path / "run") == FOUND


def test_what_is_wrong_with_the_data_is_said_once_and_ends_all(begin: Begin, tmp_path: Path) -> None:
    harm(tmp_path / "run", 3, 5)
    both = two_tasks(begin)
    assert [program.finish() for program in both] == [2, 2]
    assert both[0].complained().count("2 files cannot be used") == 1, both[0].complained()
    assert both[1].complained() == ""
    program = begin([*TORCHRUN, "--nproc-per-node=2"])
    assert program.finish() == 1  # torchrun's own, whatever its workers return
    assert program.complained().count("2 files cannot be used") == 1
    assert not (tmp_path / "run/checkpoints").exists()


def test_the_others_end_when_the_first_process_of_a_job_is_killed_in_its_look(begin: Begin, tmp_path: Path) -> None:
    both = two_tasks(begin, HOLD="1")
    wait_until_held(tmp_path / "run", *both)
    os.kill(both[0].process.pid, signal.SIGKILL)
    assert both[1].finish() == 1
    said = "The first process of this launch cannot be reached any more; this one ends too."
    assert both[1].complained().count(said) == 1
    assert "Traceback" not in both[1].complained()


def test_torchrun_ends_when_its_first_worker_is_killed_in_its_look(begin: Begin, tmp_path: Path) -> None:
    program = begin([*TORCHRUN, "--nproc-per-node=2"], HOLD="1")
    wait_until_held(tmp_path / "run", program)
    os.kill(int((tmp_path / "run/held").read_text()), signal.SIGKILL)
    assert program.finish() == 1
    assert 'Traceback (most recent call last):\n  File "' + str(PROGRAM) not in program.complained()


@pytest.mark.parametrize(
    ("signum", "receivers"), [(signal.SIGINT, [0, 1]), (signal.SIGTERM, [0]), (signal.SIGTERM, [1])]
)
def test_a_signal_during_the_look_ends_those_that_get_it_and_those_that_wait(
    begin: Begin, tmp_path: Path, signum: signal.Signals, receivers: list[int]
) -> None:
    both = two_tasks(begin, HOLD="1")
    wait_until_held(tmp_path / "run", *both)
    for number in receivers:
        both[number].process.send_signal(signum)
    assert both[1].finish() in ((128 + signum,) if 1 in receivers else (128 + signum, 1))
    if 0 in receivers:
        assert both[0].finish() == 128 + signum
    assert not (tmp_path / "run/checkpoints").exists()
