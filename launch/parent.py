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


def end_with_parent(launch: Launch) -> None:
    """Watch the parent from a thread, because the main thread may wait in a collective for a process that has ended."""
    if parent_process(launch) is not None:
        threading.Thread(target=_watch, args=(launch,), daemon=True, name="parent").start()


def loss_of_parent(launch: Launch) -> str | None:
    """The message if the process that started this one has ended; None if it has not."""
    pid = parent_process(launch)
    if pid is None or not _is_gone(pid):
        return None
    return text("The first process has ended; {process} ends too.").format(process=launch.process_name)


def _is_gone(pid: int) -> bool:
    return start_of(pid) is None if os.name == "nt" else os.getppid() != pid


def _watch(launch: Launch) -> None:
    while (loss := loss_of_parent(launch)) is None:
        time.sleep(_PAUSE)
    exit_now(_EXIT_CODE, f"train.py: {loss}")
