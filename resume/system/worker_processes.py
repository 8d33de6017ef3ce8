"""The processes that load data: none of them outlives the program."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# A process that is killed ends within this time (s), unless it waits for a file system that does not answer.
PATIENCE = 2.0


def kill_workers() -> None:
    """Kill the worker processes that multiprocessing has started, and wait for their end; from any thread.

    Python would send SIGTERM at its exit and wait, but workers ignore SIGTERM, so it would wait for ever.
    """
    import multiprocessing  # takes 20 ms, for which the menu would have to wait

    workers = [process for process in multiprocessing.active_children() if process.daemon]
    with _ends_of_children_unreported():
        for worker in workers:
            worker.kill()
        end = time.monotonic() + PATIENCE
        for worker in workers:
            worker.join(max(0.0, end - time.monotonic()))


@contextmanager
def _ends_of_children_unreported() -> Iterator[None]:
    """Within the block, torch's handler does not report the end of a worker as an error, if this is the main thread."""
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def kill_workers_and_server() -> None:
    """Kill the workers at the end of the program, and the server that has forked them, if there is one."""
    kill_workers()
    module = sys.modules.get("multiprocessing.forkserver")
    pid = None if module is None else module._forkserver._forkserver_pid
    if pid is not None:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
