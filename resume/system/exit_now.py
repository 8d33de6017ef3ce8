"""An end without cleaning up: for a program that cannot end by itself, or that a person wants to end at once."""

import os
from contextlib import suppress

from resume.system.output import one_line
from resume.system.worker_processes import kill_workers_and_server


def exit_now(exit_code: int, message: str = "") -> None:
    """End this process and its DataLoader workers, from any thread and also in a signal handler."""
    kill_workers_and_server()
    # Not print(): the signal may have interrupted print() itself, which is not reentrant.
    with suppress(OSError):
        if message:
            os.write(2, f"\n{one_line(message)}\n".encode(errors="backslashreplace"))
        if os.isatty(1):
            os.write(1, b"\x1b[?25h")  # show the cursor, which the progress bar has hidden
    os._exit(exit_code)
