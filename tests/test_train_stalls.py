"""A stop signal while nothing makes progress, since a read never returns."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exactness.comparison import compare_runs
from tests.helpers import tiny
from tests.helpers.launches import PROGRAM, TWO, Launch
from tests.helpers.pictures import draw_pairs
from tests.helpers.pipes import readers
from tests.helpers.programs import GO_ON_AS_GIVEN

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")

# Eight pairs for training in four batches, and four for validation in two.
TINY = ["--image_path=Data/images", "--gt_path=Data/gt", "--data.image_size=16", "--batch_size=2", "--no_interactive"]
TINY += ["--data.val_fraction=0.3", "--model.network.width=2", "--model.network.depth=1", "--max_epochs=3"]
TINY += ["--lang=en", "--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau"]
TINY += ["--model.lr_scheduler.monitor=val/loss", "--model.lr_scheduler.patience=0"]
TINY += ["--trainer.callbacks+=tests.helpers.blocking.BlockReads"]
SECOND = f"""
import callbacks.stall_watch
callbacks.stall_watch.PATIENCE = 1.0
callbacks.stall_watch.PATIENCE_OF_OTHERS = 1.5
{GO_ON_AS_GIVEN}
"""
LIMIT = 20.0  # s

Begin = Callable[..., Launch]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts train.py beside data, with a patience of one second or the usual one."""
    draw_pairs(tmp_path / "Data", 12)
    shutil.copytree(tmp_path / "Data", tmp_path / "Kept")
    begun: list[Launch] = []

    def start(*argv: str, usual: bool = False, **environ: str) -> Launch:
        program = [str(PROGRAM)] if usual else ["-c", SECOND, str(PROGRAM)]
        begun.append(
            Launch([sys.executable, "-u", *program, *argv], tmp_path, PYTHONPATH=str(PROGRAM.parent), **environ)
        )
        return begun[-1]

    yield start
    for program in begun:
        program.kill()


def stop_when_it_reads(program: Launch, folder: str) -> tuple[int, float]:
    """Signal the first process once it or its workers wait for a read; returns exit code and seconds to the end."""
    held: list[int] = []

    def is_read() -> bool:
        held.extend(readers((program.folder / folder).iterdir()))
        return bool(held)

    program.wait_until(is_read, "a reader")
    begun = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    code = program.process.wait(60)
    seconds = time.monotonic() - begun
    program.finish()
    for descriptor in held:
        os.close(descriptor)
    return code, seconds


def interrupted(program: Launch) -> tuple[int, int]:
    run = tiny.load(program.folder / "checkpoints/interrupted_checkpoint.pth")["run"]
    return run["epoch"], run["global_step"]


def check_the_rest(begin: Begin, program: Launch, *argv: str) -> None:
    """The stopped run, resumed, ends as the run that was never stopped."""
    shutil.rmtree(program.folder / "Data")
    shutil.copytree(program.folder / "Kept", program.folder / "Data")
    resumed = begin("--no_interactive", "--ckpt_path=auto")
    assert resumed.finish() == 0, resumed.complained()
    whole = begin(*TINY, *argv, "--checkpoint_dir=whole")
    assert whole.finish() == 0, whole.complained()
    assert compare_runs(program.folder / "whole", program.folder / "checkpoints") == []


@pytest.mark.slow
def test_workers_that_wait_for_a_read_do_not_keep_a_stop_waiting(begin: Begin) -> None:
    program = begin(*TINY, "--data.num_workers=2", BLOCK="2 data")
    code, seconds = stop_when_it_reads(program, "Data/images")
    assert (code, program.process.returncode) == (143, 143)
    assert seconds < LIMIT
    epoch, step = interrupted(program)
    assert (
        f"Interrupted in epoch {epoch}/3: saved checkpoints/interrupted_checkpoint.pth (step {step})" in program.said()
    )
    assert "Traceback" not in program.complained()


@pytest.mark.slow
@pytest.mark.parametrize(("at_step", "workers"), [(0, 0), (3, 2), (6, 0)])
def test_a_blocked_read_anywhere_in_an_epoch_costs_no_step(begin: Begin, at_step: int, workers: int) -> None:
    argv = f"--data.num_workers={workers}"
    program = begin(*TINY, argv, BLOCK=f"{at_step} data")
    code, seconds = stop_when_it_reads(program, "Data/images")
    assert code == 143
    assert seconds < LIMIT
    check_the_rest(begin, program, argv)


@pytest.mark.slow
def test_the_usual_patience_is_short_enough(begin: Begin) -> None:
    program = begin(*TINY, "--data.num_workers=2", usual=True, BLOCK="2 data")
    code, seconds = stop_when_it_reads(program, "Data/images")
    assert code == 143
    assert seconds < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_waits_for_another_in_a_collective_saves_and_ends_all(begin: Begin, rank: int) -> None:
    program = begin(*TINY, *TWO, "--data.num_workers=0", usual=True, BLOCK=f"5 rank {rank}")
    program.wait_until(lambda: (program.folder / "pipe").exists(), "the pipe")
    code, seconds = stop_when_it_reads(program, ".")
    assert code == 143, program.complained()
    assert seconds < LIMIT
    assert interrupted(program)[1] == 5
    assert program.said().count("Resume with:") == 1
