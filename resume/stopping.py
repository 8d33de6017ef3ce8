"""Signals that stop the program. Here, since they must be heard before anything slow is imported."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# Ctrl+C; kill and schedulers; a terminal that is closed; Ctrl+Break on Windows. No system has all four.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], None]


class Stopped(BaseException):
    """The program was stopped by a signal.

    Not an Exception, so that no `except Exception` on the way out takes it for a fault; not a KeyboardInterrupt
    either, which Lightning turns into exit code 1.

    Attributes:
        signum: The signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """What a shell reports of a program that a signal ended: 130 for Ctrl+C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signum


def listen(handler: Handler) -> dict[int, Any]:
    """Set the handler of all signals that stop the program; returns the handlers until now, by signal."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python allows handlers in no other thread
    return {signum: signal.signal(signum, handler) for signum in STOP_SIGNALS if not _is_for_others(signum)}


def _is_for_others(signum: signal.Signals) -> bool:
    """Whether the user has said that this signal is not meant for the program, as nohup does."""
    return signum.name == "SIGHUP" and signal.getsignal(signum) is signal.SIG_IGN


@contextmanager
def stop_at_once() -> Iterator[None]:
    """Within the block, a signal raises `Stopped` where it arrives: for the time before training."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        leave_dead_terminal()
        raise Stopped(signum)

    with _listening(stop):
        yield


@contextmanager
def not_stopped() -> Iterator[None]:
    """Within the block a signal waits; then it raises `Stopped`: for moving and deleting files."""
    received: list[int] = []
    with _listening(lambda signum, _frame: received.append(signum)):
        yield
    if received:
        leave_dead_terminal()
        raise Stopped(received[0])


@contextmanager
def _listening(handler: Handler) -> Iterator[None]:
    before = listen(handler)
    try:
        yield
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)


_terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]


def leave_dead_terminal() -> None:
    """Where the terminal has been closed, let output go nowhere: each line written to it would be an error."""
    for descriptor in _terminals:
        if not os.isatty(descriptor):
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
