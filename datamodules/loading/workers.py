"""The worker processes that load data: how they start, which signals they ignore, and how they end."""

import atexit
import errno
import multiprocessing.queues
import multiprocessing.util  # imported here, so that its exit handler is registered before the one below
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from resume.system.output import Language, set_language
from resume.system.worker_processes import kill_workers_and_server

# Windows has no SIGHUP, other systems have no SIGBREAK. SLURM sends SIGUSR1 when the time of a job is nearly over.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1")
STOP_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

FORK, SERVER = "fork", "forkserver"
# Modules that take seconds to import, none of them of the project: on Python 3.11 the server does not get the
# program's sys.path.
_PRELOADED = ["lightning.pytorch", "torchvision.transforms.v2"]
# Why a worker cannot hand over a batch: its exit code, and the words of the error.
HAND_OVER_FAILURES = {code: os.strerror(code) for code in (errno.ENOSPC, errno.EMFILE)}
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
    with stop_signals_blocked(), _environment():
        resource_tracker.ensure_running()
    with stop_signals_blocked(), _environment():  # again: starting the tracker unblocks SIGINT and SIGTERM
        forkserver.ensure_running()


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Block stop signals within the block, where the system can.

    The program receives them after the block. A process that is started within the block never receives them, nor do
    its children.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
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
    multiprocessing.queues.Queue._on_queue_feeder_error = staticmethod(_exit_with_cause)  # type: ignore[attr-defined]
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True, name="parent").start()


def _exit_with_cause(error: Exception, _batch: object) -> None:
    """End this worker, which could not hand over a batch.

    Python would print the error and drop the batch, and the training process would wait for it for ever. It notices the
    end of a worker.
    """
    known = next((code for code, words in HAND_OVER_FAILURES.items() if words in str(error)), None)
    if known is None:
        traceback.print_exception(error)
    os._exit(1 if known is None else known)


def _exit_with_parent() -> None:
    # torch checks every 5 s only, and checks the process that forked the worker, which may be the server.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


# Python's handlers run in reverse order: this one before that of multiprocessing, which would wait for the workers.
atexit.register(kill_workers_and_server)
