"""Programs that a test starts, reads line by line and tells to stop; none outlives it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# The end of a program that goes on as the one that its first argument names.
GO_ON_AS_GIVEN = """
import pathlib, runpy, sys
sys.argv.pop(0)
sys.path[0] = str(pathlib.Path(sys.argv[0]).parent)
runpy.run_path(sys.argv[0], run_name="__main__")
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def begin_in(folder: Path) -> Iterator[Begin]:
    """Within the block, starts Python programs in a folder, each in a process group of its own."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environ: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-u", *arguments],
            cwd=folder,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        begun.append(process)
        return process

    try:
        yield begin
    finally:
        for process in begun:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def read_until(process: "subprocess.Popen[str]", start_of_line: str) -> "subprocess.Popen[str]":
    assert process.stdout is not None
    read = []
    for line in iter(process.stdout.readline, ""):
        read.append(line)
        if line.startswith(start_of_line):
            return process
    raise AssertionError("".join(read))
