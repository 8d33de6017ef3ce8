"""Starts of the program: each a process of its own, forked from one that has imported everything."""

import faulthandler
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

# All that a start imports, so that the forked processes have it.
import launch.building
import launch.checks
import launch.process_group
import launch.quiet
import train
from resume.system import signals
from resume.system.worker_processes import kill_workers
from tests.torture.board import Board
from tests.torture.moments import Aim, Moments

HANGS_AFTER = 180.0  # s
_PAUSE = 0.003
T = TypeVar("T")


@dataclass(frozen=True)
class Start:
    """A start that has ended.

    Attributes:
        code: Its exit code, as a shell reports it: 137 for SIGKILL.
        came: Whether the moment aimed at came.
        steps: Optimizer steps of the run that were done.
        began_at: The step at which training began; -1: it did not begin.
        counts: Events by phase.
        said: Everything that it printed.
    """

    code: int
    came: bool
    steps: int
    began_at: int
    counts: dict[str, int]
    seconds: float
    said: str


class Starter:
    """Starts the program, in a working folder of its own.

    Args:
        folder: The working folder.
        scratch: Where the system's temporary files go, which killed processes leave.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self._scratch = scratch
        self._board = Board()
        self._groups: list[int] = []
        self._count = 0

    def start(
        self,
        argv: list[str],
        aim: Aim | None = None,
        act: Callable[[], None] = lambda: None,
        *,
        lasting: bool = False,
        answers: str | None = None,
        after: tuple[float, int] | None = None,
    ) -> Start:
        """Start the program and wait for its end.

        Args:
            argv: Its command line.
            aim: The moment at which the process itself calls `act`.
            act: Called in the process.
            lasting: Whether it is called at all later events, too.
            answers: What a person types at a console; None: nobody is there.
            after: So many seconds after the start, this signal is sent.
        """
        self._board.clear()
        typed = self.folder / "typed.txt"
        typed.write_text(answers or "", encoding="utf-8")
        self._count += 1
        log = self.folder / f"said{self._count}.log"
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _leave_with(lambda: self._train(argv, Moments(self._board, aim, act, lasting=lasting), log, answers))
        self._groups.append(pid)
        came = False
        while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
            if after is not None and not came and time.monotonic() - began >= after[0]:
                os.kill(pid, after[1])
                came = True
            time.sleep(_PAUSE)
        code = os.waitstatus_to_exitcode(ended[1])
        return Start(
            code if code >= 0 else 128 - code,
            came or self._board.came,
            self._board.steps,
            self._board.began_at,
            self._board.counts,
            time.monotonic() - began,
            log.read_text(encoding="utf-8", errors="replace"),
        )

    def end_workers(self) -> None:
        """End the loading processes that killed starts have left."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self._groups.clear()

    def _train(self, argv: list[str], moments: Moments, log: Path, answers: str | None) -> int:
        os.setsid()
        os.chdir(self.folder)
        _redirect(self.folder / "typed.txt", log)
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True, file=sys.stderr)
        tempfile.tempdir = str(self._scratch)
        os.environ.pop("PYCHARM_HOSTED", None)
        if answers is not None:
            os.environ["PYCHARM_HOSTED"] = "1"
        # Tensors of a few numbers gain nothing from threads, which would wait for each other.
        torch.set_num_threads(1)
        vars(launch.building)["git_commit"] = lambda: None  # a commit meanwhile would be a difference
        print(f"$ train.py {' '.join(argv)}", flush=True)
        moments.watch()
        try:
            return train.main(argv)
        finally:
            kill_workers()


def _redirect(source: Path, log: Path) -> None:
    """Input from a file, output to the end of another, whatever the parent's streams were."""
    read, write = os.open(source, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for descriptor, number in ((read, 0), (write, 1), (write, 2)):
        os.dup2(descriptor, number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    signals._terminals.clear()  # they were the parent's
    for signum in signals.STOP_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave_with(call: Callable[[], int]) -> None:
    """End this forked process with what `call` returns; it never comes back into the parent's work."""
    code = 1
    try:
        code = call()
    except BaseException:  # noqa: BLE001 - the parent's handlers must not see it
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def in_child(call: Callable[..., T], *args: Any) -> T:
    """What `call` returns, computed in a forked process: threads that torch begins here would not survive a fork."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:

        def send() -> int:
            torch.set_num_threads(1)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(call(*args), pipe)
            return 0

        _leave_with(send)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    if not answer:
        raise RuntimeError(f"{call.__name__}{args} failed")
    result: T = pickle.loads(answer)
    return result
