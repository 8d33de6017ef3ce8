"""A process that was started for a launch ends with the process that started it, however that one ends."""

import os
import threading
import time

from resume.handoff import parent_process
from resume.system.exit_now import exit_now
from resume.system.launch_info import Launch
from resume.system.output import text
from resume.system.pids import start_of

_PAUSE = 0.5
_EXIT_CODE = 1
_ENDING = threading.Lock()  # never released: the main thread may notice the same loss, and one message is enough


def end_with_parent(launch: Launch) -> None:
    """Watch the parent from a thread, because the main thread may wait in a collective for a process that has ended."""
    if parent_process(launch) is not None:
        threading.Thread(target=_watch, args=(launch,), daemon=True, name="parent").start()


def end_if_parent_is_gone(launch: Launch) -> None:
    """End this process with a message if the process that started it has ended, from any thread."""
    pid = parent_process(launch)
    if pid is None or not _is_gone(pid):
        return
    with _ENDING:
        message = text("The first process has ended; this one ends too.")
        exit_now(_EXIT_CODE, f"train.py ({launch.process_name}): {message}")


def _is_gone(pid: int) -> bool:
    return start_of(pid) is None if os.name == "nt" else os.getppid() != pid


def _watch(launch: Launch) -> None:
    while True:
        end_if_parent_is_gone(launch)
        time.sleep(_PAUSE)
