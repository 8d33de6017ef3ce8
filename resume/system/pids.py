"""Find out whether a process of this host is still running."""

import os
import sys
from pathlib import Path

_ZOMBIE = "Z"


def start_of(pid: int) -> str | None:
    """The start time of a process, which no later process with the same number has; None if it is not running."""
    if sys.platform == "win32":
        return _start_on_windows(pid)
    if Path("/proc/self/stat").exists():
        return _start_on_linux(pid)
    return _start_by_ps(pid)


def _start_on_linux(pid: int) -> str | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # After the name, which may contain spaces and brackets: field 3 is the state, field 22 the start in clock ticks.
    fields = line.rpartition(")")[2].split()
    return None if fields[0] == _ZOMBIE else fields[19]


def _start_by_ps(pid: int) -> str | None:
    import subprocess  # takes 20 ms, for which the menu would have to wait

    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]  # macOS and the BSDs
    found = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})  # noqa: S603
    state, _, start = found.stdout.strip().partition(" ")
    return None if not start or state.startswith(_ZOMBIE) else start.strip()


def _start_on_windows(pid: int) -> str | None:
    """The creation time. os.kill(pid, 0) is no alternative: on Windows it sends a Ctrl+C."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.WinDLL("kernel32")
    kernel32.OpenProcess.restype = wintypes.HANDLE
    process = wintypes.HANDLE(kernel32.OpenProcess(0x1000, False, pid))  # the right to query times only
    if not process:
        return None
    created, ended, kernel, user = (wintypes.FILETIME() for _ in range(4))
    try:
        times = [ctypes.byref(time) for time in (created, ended, kernel, user)]
        known = kernel32.GetProcessTimes(process, *times)
    finally:
        kernel32.CloseHandle(process)
    # A process that has ended, but of which somebody still holds a handle, has an exit time.
    is_running = known and not (ended.dwLowDateTime or ended.dwHighDateTime)
    return f"{created.dwHighDateTime}.{created.dwLowDateTime}" if is_running else None
