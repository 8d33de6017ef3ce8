"""Who can answer: a person at a terminal, a person at a console that only passes lines, or nobody."""

import os
import sys
from typing import Literal

from resume.system.launch_info import Launch
from resume.system.output import text

Audience = Literal["menu", "lines", "nobody"]


def audience(launch: Launch) -> tuple[Audience, str]:
    """Who is there to answer; for nobody, also why not."""
    if launch.launcher is not None:
        return "nobody", text("one of several processes ({variable} is set)").format(variable=launch.launcher)
    if launch.tasks > 1:
        return "nobody", text("a SLURM job of {count} tasks").format(count=launch.tasks)
    if "idlelib.run" in sys.modules:  # IDLE's streams claim to be terminals
        return "lines", ""
    if _is_terminal(sys.stdin) and _is_terminal(sys.stdout):
        if _is_in_background():
            return "nobody", text("a job in the background")
        return ("lines" if os.environ.get("TERM") == "dumb" else "menu"), ""
    if os.environ.get("PYCHARM_HOSTED") and sys.stdin is not None:
        return "lines", ""
    return "nobody", text("input or output is not a terminal")


def _is_in_background() -> bool:
    """Whether another process group has the terminal; reading from the terminal would suspend this one."""
    if sys.platform == "win32":
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    except (OSError, ValueError):  # a terminal, but not the one that controls this process
        return False


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):  # closed, or replaced by an object that is not a stream
        return False
