"""The processes that load data: where they come from, what they ignore, and how they end."""

import atexit
import multiprocessing.util  # here, so that its exit handler is registered before `end_workers`
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Windows has no SIGHUP, others no SIGBREAK. SIGUSR1 is how SLURM tells that a job's time is nearly over.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1")
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

FORK, SERVER = "fork", "forkserver"
# What takes seconds to import. No module of the project: on Python 3.11 the server does not get the program's sys.path.
_IMPORTED_ONCE = ["lightning.pytorch", "torchvision.transforms.v2"]
# The server takes no module from the folder that the program was started in; the keeper of semaphores says nothing of
# those that it cleans up after a killed process.
_ENVIRONMENT = {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "ignore:resource_tracker"}


def start_method(in_group: bool) -> str:
    """How workers are started: never forked from a training process that is in a process group.

    That has threads, and a fork copies the locks that these hold. On Python 3.11.7 a forked worker then waited for ever
    in one start of about thirty.

    Args:
        in_group: Whether the training process is in one, if only alone.
    """
    method = multiprocessing.get_start_method()
    return SERVER if method == FORK and in_group else method


def start_server() -> None:
    """Start what workers are forked from where that is not the training process, unless it runs.

    It imports what they need while the program goes on.
    """
    # Here, since neither is for Windows.
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(_IMPORTED_ONCE)
    with _signals_held_back(), _environment():
        resource_tracker.ensure_running()
    with _signals_held_back(), _environment():  # once more: the tracker's start lets SIGINT and SIGTERM through
        forkserver.ensure_running()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """The program hears them after the block; what it starts within the block, and that one's children, never do."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def begin_work(_worker_id: int) -> None:
    """In a worker: ignore the signals that stop a run, and end with the training process, however that one ends.

    A terminal and a scheduler signal the whole process group; only the training process decides when to stop.
    """
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()


def _end_with_parent() -> None:
    # torch looks every 5 s, and for the process that the worker was forked from, which may be the server.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@atexit.register
def end_workers() -> None:
    """End the workers that are left at the end of the program.

    Python ends them by SIGTERM and waits; they ignore it, and it would wait for ever. Registered after Python's own
    handler, this one runs before it.
    """
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler takes a worker's end for a fault
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
