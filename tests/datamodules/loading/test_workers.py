import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import Dataset

from datamodules import PairedImages
from datamodules.loading.pair_loader import PairLoader
from datamodules.loading.workers import FORK, SERVER, STOP_SIGNALS, start_method, start_server

ROOT = Path(__file__).parents[3]
METHODS = multiprocessing.get_all_start_methods()
slow = pytest.mark.slow  # a worker that is no fork imports torch anew
needs_fork = pytest.mark.skipif(
    FORK not in multiprocessing.get_all_start_methods(), reason="this system starts no process by a fork"
)

LOCK = threading.Lock()


class Numbers(Dataset[tuple[Tensor, Tensor]]):
    def __len__(self) -> int:
        return 2

    def number(self, index: int) -> int:
        return index

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(3, 2, 2), torch.full((2, 2), self.number(index))


class SignalledItself(Numbers):
    """Sends each stop signal to its own process before it returns a sample."""

    def number(self, index: int) -> int:
        for signum in STOP_SIGNALS:
            os.kill(os.getpid(), signum)
        return index


class Locked(Numbers):
    """Returns whether the lock is free in the process that loads the sample."""

    def number(self, index: int) -> int:
        return int(LOCK.acquire(blocking=False))


def loader(dataset: Numbers, method: str) -> PairLoader:
    made = PairLoader(dataset, None, batch_size=1, num_workers=1, pin_memory=False)
    made.multiprocessing_context = method
    return made


def numbers(made: PairLoader) -> list[int]:
    return [int(target.unique().item()) for _, target in made]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent SIGTERM")
@pytest.mark.parametrize(
    "method", [method if method == FORK else pytest.param(method, marks=slow) for method in METHODS]
)
def test_workers_ignore_stop_signals(method: str) -> None:
    assert numbers(loader(SignalledItself(), method)) == [0, 1]


@slow
@needs_fork
def test_a_forked_worker_inherits_held_locks_and_a_worker_of_the_server_does_not() -> None:
    with LOCK:
        assert numbers(loader(Locked(), FORK)) == [0, 0]
        assert numbers(loader(Locked(), SERVER)) == [1, 0]


@needs_fork
@pytest.mark.parametrize("method", METHODS)
def test_a_process_group_replaces_fork_by_the_server_and_no_other_start_method(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(
        multiprocessing.context._default_context, "_actual_context", multiprocessing.get_context(method)
    )
    assert start_method(in_group=False) == method
    assert start_method(in_group=True) == (SERVER if method == FORK else method)


@needs_fork
@pytest.mark.parametrize("strategy", ["ddp", "auto"])
def test_one_device_is_in_a_process_group_with_ddp_only(strategy: str) -> None:
    data = PairedImages(None, None, num_workers=1, sample_pairs=8, image_size=8)
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    data.trainer = Trainer(accelerator="cpu", devices=1, strategy=strategy, **settings)  # type: ignore[arg-type]
    context = data.val_dataloader().multiprocessing_context
    assert isinstance(context, BaseContext)
    in_group = strategy == "ddp"
    assert context.get_start_method() == start_method(in_group)


@pytest.mark.slow
@needs_fork
def test_the_server_ignores_stop_signals_and_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from multiprocessing.forkserver import _forkserver  # not for Windows

    (tmp_path / "torch.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    _forkserver._stop()  # type: ignore[attr-defined]
    environment = dict(os.environ)
    start_server()
    server = _forkserver._forkserver_pid  # type: ignore[attr-defined]
    for signum in STOP_SIGNALS:
        os.kill(server, signum)
    assert numbers(loader(Numbers(), SERVER)) == [0, 1]
    assert _forkserver._forkserver_pid == server  # type: ignore[attr-defined]
    assert os.environ == environment
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []).isdisjoint(STOP_SIGNALS)


WORKING = """
import os, signal, sys
import multiprocessing
from datamodules import PairedImages
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    data = PairedImages(None, None, num_workers=2, sample_pairs=8, image_size=8, batch_size=2)
    sys.kept_to_the_end = iter(data.train_dataloader())
    next(sys.kept_to_the_end)
    if sys.argv[2:]:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def work(tmp_path: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program that ends while its workers wait for work; the program and all its workers hold stdout open."""
    script = tmp_path / "working.py"
    script.write_text(WORKING, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script), *argv], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@slow
@pytest.mark.parametrize("method", [FORK, SERVER] if hasattr(os, "fork") else ["spawn"])
def test_a_program_ends_although_its_workers_wait_for_work(tmp_path: Path, method: str) -> None:
    done = work(tmp_path, method)
    assert (done.returncode, done.stderr) == (0, "")


@slow
@needs_fork
def test_workers_of_the_server_end_silently_with_a_program_that_is_killed(tmp_path: Path) -> None:
    done = work(tmp_path, SERVER, "killed")
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
