"""The worker processes that load data: how they start, which signals they ignore, and how they end."""

import atexit
import multiprocessing.util  # imported here, so that its exit handler is registered before `kill_workers`
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resume.system.output import Language, set_language

# Windows has no SIGHUP, other systems have no SIGBREAK. SLURM sends SIGUSR1 when the time of a job is nearly over.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1")
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

FORK, SERVER = "fork", "forkserver"
# Modules that take seconds to import, none of them of the project: on Python 3.11 the server does not get the
# program's sys.path.
_PRELOADED = ["lightning.pytorch", "torchvision.transforms.v2"]
# The server imports no module from the folder in which the program was started. The resource tracker does not warn
# about semaphores that it removes after a process was killed.
_ENVIRONMENT = {"PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "ignore:resource_tracker"}


def start_method(in_group: bool) -> str:
    """Return the start method of workers: a training process in a process group never forks.

    Such a process has threads, and a fork copies the locks that these threads hold. On Python 3.11.7, a forked worker
    then waited for ever in about one of thirty starts.

    Args:
        in_group: Whether the training process is in a process group, even as its only member.
    """
    method = multiprocessing.get_start_method()
    return SERVER if method == FORK and in_group else method


def start_server() -> None:
    """Start the server that forks the workers, unless it is already running.

    The server imports the modules that workers need while the program continues.
    """
    # Imported here, because Windows has neither.
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload(_PRELOADED)
    with _stop_signals_blocked(), _environment():
        resource_tracker.ensure_running()
    with _stop_signals_blocked(), _environment():  # again: starting the tracker unblocks SIGINT and SIGTERM
        forkserver.ensure_running()


@contextmanager
def _stop_signals_blocked() -> Iterator[None]:
    """Block stop signals within the block.

    The program receives them after the block. A process that is started within the block never receives them, nor do
    its children.
    """
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


def initialise_worker(language: Language, _worker_id: int) -> None:
    """Prepare a worker: its errors are in the user's language, it ignores stop signals, and it ends with its parent.

    A terminal and a scheduler send their signals to the whole process group, but only the training process decides
    when to stop. A worker ends with the training process, however the training process ends.

    Args:
        language: The language of the training process, which a spawned worker does not inherit.
    """
    set_language(language)
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True, name="parent").start()


def _exit_with_parent() -> None:
    # torch checks every 5 s only, and checks the process that forked the worker, which may be the server.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@atexit.register
def kill_workers() -> None:
    """Kill the workers that still run at the end of the program.

    Python would send SIGTERM and wait, but workers ignore SIGTERM, so it would wait for ever. This handler is
    registered after Python's own handler and therefore runs before it.
    """
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler reports the end of a worker as an error
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
