"""The program in a SLURM job, as far as this can be tested without a cluster; tests/cluster has one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from tests.helpers import tiny
from tests.helpers.programs import GO_ON_AS_GIVEN, Begin, begin_in, read_until
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, copy_run, load

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SLURM does not run on Windows")

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
SIGNALLED_WHILE_TORCH_IS_IMPORTED = f"""
import os, signal, sys

class Now:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            os.kill(os.getpid(), signal.SIGUSR1)

sys.meta_path.insert(0, Now())
{GO_ON_AS_GIVEN}
"""


@pytest.fixture
def start(trained_folder: Path, tmp_path: Path) -> Iterator[Begin]:
    """Starts train.py in a folder with a run of two epochs.

    `scontrol` is a script that writes what it is asked into the file `asked`, and refuses where a file `refuse` exists.
    """
    copy_run(trained_folder, tmp_path)
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text('#!/bin/sh\n[ ! -e refuse ] || { echo "not now" >&2; exit 1; }\necho "$@" >>asked\n')
    scontrol.chmod(0o755)
    with begin_in(tmp_path) as begin:
        path = f"{scontrol.parent}:{os.environ['PATH']}"
        yield lambda *argv, program=(str(PROGRAM),), **job: begin(*program, *argv, PATH=path, **job)


@pytest.mark.slow
def test_a_job_is_saved_and_queued_again_before_its_time_is_over_and_then_continues_from_its_own_checkpoint(
    start: Begin, tmp_path: Path
) -> None:
    command = ["--ckpt_path=best", "--max_epochs=100000", "--no_interactive"]
    first = read_until(start(*command, **JOB), "Epoch 3/")
    first.send_signal(signal.SIGUSR1)
    said, _ = first.communicate()
    assert first.returncode == 0, said
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert "SLURM requeued job 7" in said
    saved = tiny.load(tmp_path / "checkpoints/interrupted_checkpoint.pth")["run"]

    # The restarted job has the same command. Then the job is cancelled: SLURM sends SIGTERM twice.
    second = start(*command, SLURM_RESTART_COUNT="1", **JOB)
    read_until(second, "Checkpoint loaded from checkpoints/interrupted_checkpoint.pth")
    read_until(second, "Epoch ")
    second.send_signal(signal.SIGTERM)
    read_until(second, "Stopping after this step")
    second.send_signal(signal.SIGTERM)
    said, _ = second.communicate()
    assert second.returncode == 128 + signal.SIGTERM, said
    assert "saved checkpoints/interrupted_checkpoint.pth" in said
    assert tiny.load(tmp_path / "checkpoints/interrupted_checkpoint.pth")["run"]["global_step"] > saved["global_step"]
    assert (tmp_path / "asked").read_text() == "requeue 7\n"


@pytest.mark.slow
def test_a_job_whose_weights_are_nan_is_not_queued_again(start: Begin, tmp_path: Path) -> None:
    diverging = ["--ckpt_path=latest", "--max_epochs=4", "--no_interactive", "--model.optimizer.lr=1e30"]
    signalled = ["--trainer.callbacks+=tests.helpers.stopping.SignalAtStep", "--trainer.callbacks.step=6"]
    process = start(*diverging, *signalled, f"--trainer.callbacks.signum={int(signal.SIGUSR1)}", **JOB)
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert "Stopping after this step" in said
    assert "Training ended in epoch 4, step 7: the weights are no longer finite" in said
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / "checkpoints/interrupted_checkpoint.pth").exists()


def test_a_signal_while_torch_is_imported_ends_a_job_that_slurm_refuses_to_queue_again(
    start: Begin, tmp_path: Path
) -> None:
    (tmp_path / "refuse").touch()
    before = contents(str(tmp_path / "checkpoints"))
    process = start(*ENDLESS, program=("-c", SIGNALLED_WHILE_TORCH_IS_IMPORTED, str(PROGRAM)), **JOB)
    said, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGUSR1
    assert "SLURM did not requeue job 7 (not now)" in said
    assert contents(str(tmp_path / "checkpoints")) == before


def test_outside_of_a_job_the_signal_ends_the_program_as_it_ends_any_other(start: Begin) -> None:
    process = start(*ENDLESS, program=("-c", SIGNALLED_WHILE_TORCH_IS_IMPORTED, str(PROGRAM)))
    process.communicate()
    assert process.returncode == -signal.SIGUSR1


def test_a_fresh_start_in_a_job_ignores_files_of_lightnings_own_requeueing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    for name in ("hpc_ckpt_1.ckpt", "hpc_ckpt_best.ckpt"):  # Lightning would load the first and fail at the second
        Path(name).write_text("no checkpoint")
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=1") == 0
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 1
