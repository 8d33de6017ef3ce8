"""Processes that torchrun starts: nobody is asked, each decides for itself, and they compare."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import checkpoint_folders
from tests.helpers.launches import PROGRAM, TORCHRUN, TWO, Launch
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import TINY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

ONE_MACHINE = [*TORCHRUN, "--nproc-per-node=2"]
FLAGS = [
    *TINY,
    "--lang=en",
    "--image_path=../Data/images",
    "--gt_path=../Data/gt",
    "--trainer.callbacks+=tests.helpers.launches.Act",
]
Start = Callable[..., Launch]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Start]:
    """Starts one torchrun, in a folder that all of a test share."""
    draw_pairs(tmp_path / "Data", 12)
    (tmp_path / "run").mkdir()
    begun: list[Launch] = []

    def launch(torchrun: list[str], *argv: str, **environ: str) -> Launch:
        begun.append(Launch([*torchrun, str(PROGRAM), *FLAGS, *argv], tmp_path / "run", **environ))
        return begun[-1]

    yield launch
    for program in begun:
        program.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def on_two_machines() -> list[str]:
    """One of two torchruns, which find each other on this machine."""
    meeting = [
        f"--rdzv-endpoint=127.0.0.1:{free_port()}",
        "--rdzv-backend=c10d",
        "--rdzv-id=1",
        "--local-addr=127.0.0.1",
    ]
    return [*TORCHRUN, "--nnodes=2", "--nproc-per-node=1", "--max-restarts=3", *meeting]


def interrupted(program: Launch) -> dict[str, object]:
    path = program.folder / "checkpoints/interrupted_checkpoint.pth"
    run: dict[str, object] = checkpoint_folders.run_of(path)
    return run


@pytest.mark.slow
def test_ctrl_c_is_passed_on_once_and_saves_the_run(begin: Start) -> None:
    program = begin(ONE_MACHINE, *TWO, "--max_epochs=100000")
    program.wait_for("Epoch 2/")
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.finish() == 1  # torchrun's own, whatever its workers return
    for said in ("No checkpoint found", "Device: ", "Epoch 1/", "Resume with:"):
        assert program.said().count(said) == 1, said
    assert int(str(interrupted(program)["global_step"])) >= 2


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_other_with_one_line(begin: Start) -> None:
    program = begin(ONE_MACHINE, *TWO, "--max_epochs=100000", ACT="1 step 3 SIGKILL")
    assert program.finish() == 1
    said = program.complained()
    assert said.count("train.py: Process 1 of this launch has ended; training cannot continue.\n") == 1
    assert "[rank0]" not in said
    assert "All steps before that (3) are saved in checkpoints/interrupted_checkpoint.pth" in program.said()
    assert interrupted(program)["global_step"] == 3


@pytest.mark.slow
def test_the_first_worker_is_missed_by_the_other_one_too(begin: Start) -> None:
    program = begin(ONE_MACHINE, *TWO, "--max_epochs=100000", ACT="0 step 3 SIGKILL")
    assert program.finish() == 1
    said = program.complained()
    assert said.count("): Process 0 of this launch has ended; training cannot continue.\n") == 1
    assert "[rank1]" not in said


@pytest.mark.slow
def test_an_error_of_one_worker_is_the_only_one_with_a_traceback(begin: Start) -> None:
    program = begin(ONE_MACHINE, *TWO, "--max_epochs=100000", ACT="1 step 3 error")
    assert program.finish() == 1
    assert program.complained().count("ValueError: a bad batch") == 1
    assert "[rank0]" not in program.complained()


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again_and_the_run_goes_on(begin: Start) -> None:
    argv = [*TWO, "--data.num_workers=1", "--max_epochs=30", "--no_interactive"]
    program = begin([*ONE_MACHINE, "--max-restarts=1", f"--master-port={free_port()}"], *argv)
    program.wait_for("Epoch 2/")
    os.kill(program.pid(1), signal.SIGKILL)
    assert program.finish() == 0, program.complained()
    assert "Restarted job (TORCHELASTIC_RESTART_COUNT is set); continuing as with --ckpt_path auto" in program.said()
    epochs = [line.split("/")[0] for line in program.said().splitlines() if line.startswith("Epoch ")]
    assert epochs == [f"Epoch {number}" for number in range(1, 31)]
    assert not (program.folder / "checkpoints/archive").exists()


@pytest.mark.slow
def test_two_machines_train_one_run(begin: Start, on_two_machines: list[str]) -> None:
    size = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.num_nodes=2"]
    both = [begin(on_two_machines, *size, "--max_epochs=2") for _ in range(2)]
    assert [program.finish() for program in both] == [0, 0]
    said = both[0].said() + both[1].said()
    for line in ("No checkpoint found", "Epoch 1/2", "Epoch 2/2", "Done: 2 epochs."):
        assert said.count(line) == 1, line


@pytest.mark.slow
def test_machines_that_do_not_share_the_folder_train_nothing_and_change_nothing(
    begin: Start, on_two_machines: list[str]
) -> None:
    earlier = begin(ONE_MACHINE, *TWO, "--max_epochs=1")
    assert earlier.finish() == 0
    before = {path: path.read_bytes() for path in (earlier.folder / "checkpoints").iterdir()}
    size = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.num_nodes=2", "--max_epochs=3"]
    once = [word for word in on_two_machines if not word.startswith("--max-restarts")]
    both = [begin(once, *size, "--ckpt_path=auto", f"--checkpoint_dir={name}") for name in ("checkpoints", "other")]
    assert [program.finish() for program in both] == [1, 1]
    complained = both[0].complained() + both[1].complained()
    assert complained.count("The processes of this launch do not see the same run") == 1
    assert complained.count("exitcode  : 2") == 2
    assert {path: path.read_bytes() for path in (earlier.folder / "checkpoints").iterdir()} == before
    assert not (earlier.folder / "other").exists()
