"""Trainings of several processes, started as a user starts them, and what becomes of their processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

import train

PROGRAM = Path(train.__file__)
PATIENCE = 110.0  # s; two processes import everything, perhaps while other programs use the cores
# Two processes on the CPU, which stand for two GPUs.
TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.strategy=ddp"]
LIGHTNING = [sys.executable, "-u", str(PROGRAM)]
TORCHRUN = [sys.executable, "-u", "-m", "torch.distributed.run"]
# What no save can replace.
FOREIGN = Path("checkpoints/best_model.pth/notes.txt")


class Act(Callback):
    """Does in one process what the variable ACT says: `1 step 3 SIGKILL`, or `0 val 4 error`.

    That is the rank, the place (a step or a validation), the optimizer steps done, and a signal to itself, an error, or
    a folder of the user's under the name of the best model.
    A variable and no setting, so that all runs have the same configuration. Each process also notes its number.
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        Path(f"rank_{trainer.global_rank}.pid").write_text(str(os.getpid()), encoding="utf-8")

    def _act(self, trainer: Any, place: str) -> None:
        rank, wanted, step, what = os.environ.get("ACT", "- - 0 -").split()
        if (rank, wanted, int(step)) != (str(trainer.global_rank), place, trainer.global_step):
            return
        if what == "error":
            raise ValueError("a bad batch")
        if what == "folder":
            FOREIGN.parent.mkdir()
            FOREIGN.write_text("mine", encoding="utf-8")
            return
        signal.raise_signal(signal.Signals[what])

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        self._act(trainer, "step")

    def on_validation_batch_end(self, trainer: Any, *_: Any) -> None:
        if not trainer.sanity_checking:
            self._act(trainer, "val")


class Launch:
    """A training in a session of its own, as from a terminal of its own; its output goes to a file.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        environ: Variables that are set besides this process's own.
    """

    def __init__(self, command: Sequence[str], folder: Path, **environ: str) -> None:
        self.folder = folder
        self.code: int | None = None
        self.out, self.err = (folder / f"{name}_{time.monotonic_ns()}" for name in ("out", "err"))
        kept = {name: value for name, value in os.environ.items() if name != "RESUME_DECISION"}
        kept |= {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        kept |= {"PYTHONFAULTHANDLER": "1", **environ}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=kept,
                start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def complained(self) -> str:
        return self.err.read_text(encoding="utf-8")

    def wait_until(self, done: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            ended = self.process.poll()
            assert ended is None or done(), f"{what}: it has ended ({ended}): {self.said()} {self.complained()}"
            assert time.monotonic() < end, f"{what}: waited in vain: {self.said()} {self.complained()}"
            time.sleep(0.02)

    def wait_for(self, words: str) -> None:
        self.wait_until(lambda: words in self.said() + self.complained(), words)

    def pid(self, rank: int) -> int:
        return int((self.folder / f"rank_{rank}.pid").read_text(encoding="utf-8"))

    def finish(self) -> int:
        """Wait for the end of the program and of all that it has started; returns the exit code."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in members(self.process.pid):
                os.kill(pid, signal.SIGABRT)  # each says where it stands
            self.process.wait()
            pytest.fail(f"it has not ended: {self.said()} {self.complained()}")
        end = time.monotonic() + 15  # a DataLoader's workers look every 5 s whether their process is still there
        while left := members(self.process.pid):
            assert time.monotonic() < end, f"left over: {left}: {self.said()} {self.complained()}"
            time.sleep(0.02)
        return code

    def seconds_to_finish(self) -> tuple[int, float]:
        begun = time.monotonic()
        return self.finish(), time.monotonic() - begun

    def kill(self) -> None:
        for pid in members(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


def members(session: int, command: str = "") -> list[int]:
    """The processes of a session that run, and those of sessions that torchrun has begun for its workers.

    Args:
        session: Its number.
        command: What is in their command line.
    """
    listing = ["ps", "-ww", "-eo", "pid=,ppid=,sess=,stat=,args="]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=4) for line in listed.splitlines()]
    found = {session}
    for _ in range(3):
        found |= {int(pid) for pid, parent, sess, *_ in rows if int(parent) in found or int(sess) in found}
    alive = [(int(pid), args) for pid, _, _, state, args in rows if not re.match("Z", state)]
    return [pid for pid, args in alive if pid in found and command in args]
