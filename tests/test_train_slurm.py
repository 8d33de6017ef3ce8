"""The program in a SLURM job, as far as that can be seen without a cluster; tests/cluster has one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import train
from tests.helpers.pictures import draw_pairs
from tests.helpers.programs import GO_ON_AS_GIVEN, Begin, begin_in, read_until
from tests.helpers.tiny_run import PATHS, TINY, Run, load

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM runs on no Windows")

PROGRAM = Path(train.__file__)
JOB = {
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_NAME": "train",
    "SLURM_NNODES": "1",
    "SLURM_NTASKS": "1",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
}
ENDLESS = [*PATHS, *TINY, "--max_epochs=100000", "--no_interactive"]
SIGNALLED_AT_THE_FIRST_IMPORT = f"""
import os, signal, sys

class Now:
    def find_spec(self, name, path=None, target=None):
        if name == "resume":
            os.kill(os.getpid(), signal.SIGUSR1)

sys.meta_path.insert(0, Now())
{GO_ON_AS_GIVEN}
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Begin]:
    """Starts train.py as a job, with a `scontrol` that writes down what it is asked and refuses where `refuse` lies."""
    draw_pairs(tmp_path / "Data", 12)
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text('#!/bin/sh\n[ ! -e refuse ] || { echo "not now" >&2; exit 1; }\necho "$@" >>asked\n')
    scontrol.chmod(0o755)
    with begin_in(tmp_path) as begin:
        path = f"{scontrol.parent}:{os.environ['PATH']}"
        yield lambda *argv, program=(str(PROGRAM),), **job: begin(*program, *argv, PATH=path, **job)


def test_before_the_time_is_over_the_run_is_saved_and_the_job_queued_again(start: Begin, tmp_path: Path) -> None:
    process = read_until(start(*ENDLESS, **JOB), "Epoch 1/")
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert "SLURM requeued job 7" in said
    torch.load(tmp_path / "checkpoints/interrupted_checkpoint.pth", weights_only=True)


def test_a_job_that_slurm_does_not_queue_again_ends_with_the_signals_code(start: Begin, tmp_path: Path) -> None:
    (tmp_path / "refuse").touch()
    process = read_until(start(*ENDLESS, **JOB), "Epoch 1/")
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGUSR1
    assert "SLURM did not requeue job 7 (not now)" in said
    assert (tmp_path / "checkpoints/interrupted_checkpoint.pth").exists()


def test_a_signal_before_the_first_import_is_remembered(start: Begin, tmp_path: Path) -> None:
    process = start(*ENDLESS, program=("-c", SIGNALLED_AT_THE_FIRST_IMPORT, str(PROGRAM)), **JOB)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert not (tmp_path / "checkpoints").exists()


def test_sigterm_twice_as_slurm_sends_it_does_not_cost_the_file(start: Begin, tmp_path: Path) -> None:
    process = read_until(start(*ENDLESS, **JOB), "Epoch 1/")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("Stopping after this step"))
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "saved checkpoints/interrupted_checkpoint.pth" in said
    assert not (tmp_path / "asked").exists()


def test_a_job_that_named_a_checkpoint_goes_on_from_its_own_when_it_is_started_again(start: Begin) -> None:
    start(*PATHS, *TINY, "--max_epochs=1", "--no_interactive").communicate()
    command = ["--ckpt_path=best", "--max_epochs=100000", "--no_interactive"]
    first = read_until(start(*command, **JOB), "Epoch 2/")
    first.send_signal(signal.SIGUSR1)
    first.communicate()
    second = start(*command, SLURM_RESTART_COUNT="1", **JOB)
    read_until(second, "Checkpoint loaded from checkpoints/interrupted_checkpoint.pth")
    second.send_signal(signal.SIGTERM)
    second.communicate()


def test_outside_of_a_job_the_signal_keeps_its_meaning(start: Begin) -> None:
    process = read_until(start(*ENDLESS), "Epoch 1/")
    process.send_signal(signal.SIGUSR1)
    process.communicate()
    assert process.returncode == -signal.SIGUSR1


def test_a_fresh_start_is_fresh_whatever_lightning_has_left(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    for name in ("hpc_ckpt_1.ckpt", "hpc_ckpt_best.ckpt"):  # Lightning would load the one and stumble over the other
        Path(name).write_text("no checkpoint")
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=1") == 0
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 1


def test_a_callback_that_is_added_by_the_same_command_line_again_is_added_once(run: Run) -> None:
    typed = [*PATHS, *TINY, "--trainer.callbacks+=tests.helpers.stopping.SignalAtStep", "--trainer.callbacks.step=-1"]
    assert run("--no_interactive", *typed, "--max_epochs=1") == 0
    before = load("latest_checkpoint.pth")["run"]["config"]
    assert run("--ckpt_path=auto", *typed, "--max_epochs=2") == 0
    after = load("latest_checkpoint.pth")["run"]["config"]
    assert after.replace("max_epochs: 2", "max_epochs: 1") == before
