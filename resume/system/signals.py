"""Signals that stop the program. Here, since they must be heard before anything slow is imported."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# Ctrl+C; kill and schedulers; a terminal that is closed; Ctrl+Break on Windows. No system has all four.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
# What `sbatch --signal=USR1@90` sends before the time is over: save, and have the job queued again.
REQUEUE_SIGNAL: signal.Signals | None = getattr(signal, "SIGUSR1", None)

Handler = Callable[[int, FrameType | None], None] | signal.Handlers


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

    @property
    def asks_for_requeue(self) -> bool:
        """Whether the job shall be queued again, since its time is nearly over."""
        return self.signum == REQUEUE_SIGNAL


def in_slurm_job(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether SLURM has started this process, and sends it signals."""
    return "SLURM_JOB_ID" in environ


def stop_signals(environ: Mapping[str, str] = os.environ) -> tuple[signal.Signals, ...]:
    """The signals that stop the program here: SIGUSR1 in a SLURM job alone, and never SIGCONT, which comes along."""
    if REQUEUE_SIGNAL is None or not in_slurm_job(environ):
        return STOP_SIGNALS
    return (*STOP_SIGNALS, REQUEUE_SIGNAL)


def listen(handler: Handler) -> dict[int, Any]:
    """Set the handler of all signals that stop the program; returns the handlers until now, by signal."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python allows handlers in no other thread
    return {signum: signal.signal(signum, handler) for signum in stop_signals() if not _is_for_others(signum)}


def hear_no_more() -> None:
    """Ignore all signals that stop the program, which is ending."""
    listen(signal.SIG_IGN)


_heard: list[int] = []  # since the program began to listen


def counts(signum: int) -> bool:
    """Note a signal; returns whether it asks for more than the ones before it."""
    asks = asks_for_more(signum, _heard)
    _heard.append(signum)
    return asks


def asks_for_more(signum: int, heard: Sequence[int]) -> bool:
    """Whether a signal means more than the ones before it.

    SLURM sends SIGTERM twice at once when a job's time is over, and after SIGUSR1 when a job is queued again. If the
    job does not end, it kills; so only Ctrl+C can mean there that someone has lost patience.
    """
    return not heard or not in_slurm_job() or signum == signal.SIGINT


def _is_for_others(signum: signal.Signals) -> bool:
    """Whether the user has said that this signal is not meant for the program, as nohup does."""
    return signum.name == "SIGHUP" and signal.getsignal(signum) is signal.SIG_IGN


@contextmanager
def stop_at_once() -> Iterator[None]:
    """Within the block, a signal raises `Stopped` where it arrives: for the time before training."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        leave_dead_terminal()
        if counts(signum):
            raise Stopped(signum)

    _heard.clear()
    with _listening(stop):
        if REQUEUE_SIGNAL is not None:
            # In a job, train.py holds it back from its first line on; one that has come since then is heard now.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [REQUEUE_SIGNAL])
        yield


@contextmanager
def not_stopped() -> Iterator[None]:
    """Within the block a signal waits; then it raises `Stopped`: for moving and deleting files."""
    received: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        if counts(signum):
            received.append(signum)

    with _listening(note):
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
            if signal.getsignal(signum) is handler:  # else the program hears no more
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
