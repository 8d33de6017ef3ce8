"""A program in a pseudo-terminal, and the screen that its user sees. POSIX only."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

from resume.system.user_key import KEY_VARIABLE

PATIENCE = 60.0


class Terminal:
    """A Python program and its screen.

    Args:
        program: The script.
        argv: Its arguments.
        columns: Width of the screen, which has 80 lines.
        environ: Variables that are set, besides a few of this process.
    """

    def __init__(self, program: Path, argv: list[str], columns: int = 100, **environ: str) -> None:
        names = ("PATH", "HOME", "OMP_NUM_THREADS", KEY_VARIABLE)
        kept = {name: os.environ[name] for name in names if name in os.environ}
        self.process = pexpect.spawn(
            sys.executable,
            [str(program), *argv],
            env={**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environ},
            dimensions=(80, columns),
            encoding="utf-8",
        )
        self.process.delaybeforesend = None
        self._is_closed = False
        self.screen = pyte.Screen(columns, 80)
        self.stream = pyte.Stream(self.screen)

    def lines(self) -> list[str]:
        # A character of two cells is followed by an empty cell, which pyte shows as nothing.
        return [line.rstrip() for line in self.screen.display]

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip()

    def read_until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"waited in vain; the screen:\n{self.text()}"
            try:
                self.stream.feed(self.process.read_nonblocking(65536, timeout=0.1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                self.process.wait()
                assert done(), f"the process has ended; the screen:\n{self.text()}"

    def wait_for(self, words: str) -> None:
        self.read_until(lambda: words in self.text())

    def send(self, keys: str) -> None:
        self.process.send(keys)

    def hang_up(self) -> int:
        """Close the terminal, as its window's cross does, and wait for the program's end; returns its exit status."""
        os.close(self.process.child_fd)
        self._is_closed = True
        return self.process.wait() or 0

    def close(self) -> None:
        if not self._is_closed:
            self.process.close(force=True)

    def finish(self) -> int:
        """Read on until the process ends; returns its exit status."""
        while True:
            try:
                self.stream.feed(self.process.read_nonblocking(65536, timeout=PATIENCE))
            except pexpect.EOF:
                break
        self.process.wait()
        if self.process.exitstatus is None:
            assert self.process.signalstatus is not None
            return -self.process.signalstatus
        return self.process.exitstatus
