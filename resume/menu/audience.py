"""Who can answer: a person at a terminal, a person at a console that only passes lines, or nobody."""

import os
import sys
from collections.abc import Mapping
from typing import Literal

from resume.system.output import text
from resume.system.ranks import SIZES, number

Audience = Literal["menu", "lines", "nobody"]

# Set in each process of a launch by torchrun and Lightning, or by hand for a launch on several machines.
_LAUNCHED = ("LOCAL_RANK", "RANK", "GROUP_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID")


def audience(environ: Mapping[str, str] = os.environ) -> tuple[Audience, str]:
    """Who can answer; if nobody can, also the reason."""
    reason = _launched(environ)
    if reason:
        return "nobody", reason
    if "idlelib.run" in sys.modules:  # its streams claim to be terminals
        return "lines", ""
    if _is_terminal(sys.stdin) and _is_terminal(sys.stdout):
        if _is_in_background():
            return "nobody", text("a job in the background")
        return ("lines" if environ.get("TERM") == "dumb" else "menu"), ""
    if environ.get("PYCHARM_HOSTED") and sys.stdin is not None:
        return "lines", ""
    return "nobody", text("input or output is not a terminal")


def _launched(environ: Mapping[str, str]) -> str:
    for variable in _LAUNCHED:
        if variable in environ:
            return text("one of several processes ({variable} is set)").format(variable=variable)
    for variable in SIZES:
        if number(environ, variable, 1) > 1:
            return text("one of several processes ({variable} is set)").format(variable=variable)
    # A step of `srun --pty` inside a larger allocation has one task of its own.
    tasks = number(environ, "SLURM_STEP_NUM_TASKS", number(environ, "SLURM_NTASKS", 1))
    return text("a SLURM job of {count} tasks").format(count=tasks) if tasks > 1 else ""


def _is_in_background() -> bool:
    """Whether the terminal belongs to another process group. Reading from it would stop this process."""
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
