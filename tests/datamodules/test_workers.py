import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.forkserver import _forkserver
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.loading import PairLoader
from datamodules.workers import FORK, SERVER, STOP_SIGNALS, start_method, start_server

ROOT = Path(__file__).parents[2]
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
    """Sends its own process each stop signal before it answers."""

    def number(self, index: int) -> int:
        for signum in STOP_SIGNALS:
            os.kill(os.getpid(), signum)
        return index


class Locked(Numbers):
    """Tells whether the lock is free in the process that loads."""

    def number(self, index: int) -> int:
        return int(LOCK.acquire(blocking=False))


def loader(dataset: Numbers, method: str | None = None, processes: int = 1) -> PairLoader:
    made = PairLoader(dataset, None, batch_size=1, num_workers=1, pin_memory=False, processes=processes)
    if method is not None:
        made.multiprocessing_context = method
    return made


def numbers(made: PairLoader) -> list[int]:
    return [int(target.unique().item()) for _, target in made]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent SIGTERM")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_outlive_stop_signals(method: str) -> None:
    assert numbers(loader(SignalledItself(), method)) == [0, 1]


@needs_fork
def test_the_workers_of_several_processes_do_not_meet_locks_that_threads_hold() -> None:
    with LOCK:
        assert numbers(loader(Locked())) == [0, 0]  # what a fork copies
        assert numbers(loader(Locked(), processes=2)) == [1, 0]


@needs_fork
def test_a_single_process_forks_its_workers_and_others_keep_the_systems_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [start_method(1), start_method(2)] == [multiprocessing.get_start_method(), SERVER]
    for method in ("spawn", SERVER):  # Windows and macOS; Python 3.14
        monkeypatch.setattr(
            multiprocessing.context._default_context, "_actual_context", multiprocessing.get_context(method)
        )
        assert [start_method(1), start_method(2)] == [method, method]


@needs_fork
def test_the_server_hears_no_stop_signal_and_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    """A program that ends while its workers wait for work; it and all that it has started hold stdout open."""
    script = tmp_path / "working.py"
    script.write_text(WORKING, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script), *argv], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("method", [FORK, SERVER] if hasattr(os, "fork") else ["spawn"])
def test_a_program_ends_by_itself_while_workers_wait_for_work(tmp_path: Path, method: str) -> None:
    done = work(tmp_path, method)
    assert (done.returncode, done.stderr) == (0, "")


@needs_fork
@pytest.mark.parametrize("method", [FORK, SERVER])
def test_workers_end_with_a_program_that_is_killed_and_nothing_else_is_said(tmp_path: Path, method: str) -> None:
    done = work(tmp_path, method, "killed")
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
