"""The end without a way back: for a program that cannot end by itself, or that somebody has lost patience with."""

import os
from contextlib import suppress


def leave_at_once(exit_code: int, message: str = "") -> None:
    """End this process and its DataLoader workers, from any thread and in a signal's handler too."""
    import multiprocessing  # takes 20 ms, for which the menu would have to wait

    for worker in multiprocessing.active_children():
        worker.kill()
    # Not print(): what is interrupted may be just that, and it does not bear being entered twice.
    with suppress(OSError):
        if message:
            os.write(2, f"\n{message}\n".encode(errors="backslashreplace"))
        if os.isatty(1):
            os.write(1, b"\x1b[?25h")  # the progress bar has hidden the cursor
    os._exit(exit_code)
