"""The processes that Lightning's launcher starts on this machine."""

import signal
import subprocess
import threading
import time
from collections.abc import Sequence

from resume.system.exit_now import exit_now
from resume.system.output import text

_PAUSE = 0.5
# A main thread that notices the loss by itself saves the run and ends within this time (s); one that waits in a
# collective on a GPU notices nothing.
GRACE = 15.0
_EXIT_CODE = 1

Child = subprocess.Popen[bytes]


class ChildWatch(threading.Thread):
    """Ends the program when a child has failed.

    Lightning's own observer looks every 5 s, prints nothing, kills the first process even while it saves, and takes the
    exit code of a run that was stopped by a signal for a failure.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        super().__init__(daemon=True, name="children")
        self._children = children
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_PAUSE):
            loss = loss_text(self._children)
            if loss is not None:
                if not self._over.wait(GRACE):
                    kill(self._children)
                    exit_now(_EXIT_CODE, f"train.py: {loss}")
                return

    def stop(self) -> None:
        self._over.set()


def loss_text(children: Sequence[Child]) -> str | None:
    """The message about a child that has failed; None if none has."""
    for number, child in enumerate(children, start=1):
        code = child.poll()
        if code:
            how = signal.Signals(-code).name if code < 0 else text("exit code {code}").format(code=code)
            message = text("Process {number} of this launch has ended ({how}); training cannot continue.")
            return message.format(number=number, how=how)
    return None


def kill(children: Sequence[Child]) -> None:
    """Kill all children, also those that wait in a collective and handle no other signal."""
    for child in children:
        child.kill()
    for child in children:
        child.wait()


def wait_or_kill(children: Sequence[Child], patience: float) -> None:
    """Wait up to `patience` seconds for the children to end, then kill the rest."""
    end = time.monotonic() + patience
    try:
        for child in children:
            child.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        kill(children)
