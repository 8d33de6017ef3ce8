"""A process that was started for a launch ends with the process that started it, however that one ends."""

import os
import threading
import time

from resume.handoff import parent
from resume.system.exit_now import leave_at_once
from resume.system.output import text
from resume.system.pids import start_of
from resume.system.ranks import process_name

_PAUSE = 0.5
_EXIT_CODE = 1


def end_with_parent() -> None:
    """Watch from a thread, since the others may wait in a collective for a process that is no more."""
    pid = parent()
    if pid is not None:
        threading.Thread(target=_watch, args=(pid,), daemon=True, name="parent").start()


def loss_of_parent() -> str | None:
    """What is told when the process that started this one has ended; None where it has not."""
    pid = parent()
    if pid is None or not _is_gone(pid):
        return None
    return text("The first process has ended, and so does {process}.").format(process=process_name())


def _is_gone(pid: int) -> bool:
    return start_of(pid) is None if os.name == "nt" else os.getppid() != pid


def _watch(pid: int) -> None:
    while not _is_gone(pid):
        time.sleep(_PAUSE)
    leave_at_once(_EXIT_CODE, f"train.py: {loss_of_parent()}")
