"""The signals that stop the program. The program listens before anything slow is imported."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# Ctrl+C; kill and schedulers; a terminal that was closed; Ctrl+Break on Windows. No system has all four.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
# What `sbatch --signal=USR1@90` sends before the time limit: save, and requeue the job.
REQUEUE_SIGNAL: signal.Signals | None = getattr(signal, "SIGUSR1", None)

Handler = Callable[[int, FrameType | None], None] | signal.Handlers


class Stopped(BaseException):
    """The program was stopped by a signal.

    Not an Exception, so that no `except Exception` on the way out takes it for an error; not a KeyboardInterrupt
    either, which Lightning turns into exit code 1.

    Attributes:
        signum: The signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """What a shell reports for a program that a signal ended: 130 for Ctrl+C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.signum

    @property
    def asks_for_requeue(self) -> bool:
        """Whether the job must be requeued because its time limit is near."""
        return self.signum == REQUEUE_SIGNAL


_in_slurm_job = False  # set by `stop_at_once`; handlers belong to the process, and so does this
_received: list[int] = []  # since the program began to listen


def hold_back_requeue_signal() -> None:
    """Block the signal that announces the time limit until the program listens; it would end the process before."""
    if REQUEUE_SIGNAL is not None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [REQUEUE_SIGNAL])


def stop_signals() -> tuple[signal.Signals, ...]:
    """The signals that stop the program: SIGUSR1 only in a SLURM job; never SIGCONT, which SLURM sends with others."""
    if REQUEUE_SIGNAL is None or not _in_slurm_job:
        return STOP_SIGNALS
    return (*STOP_SIGNALS, REQUEUE_SIGNAL)


def listen(handler: Handler) -> dict[int, Any]:
    """Set the handler of all signals that stop the program; returns the previous handlers by signal."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python allows handlers in no other thread
    return {signum: signal.signal(signum, handler) for signum in stop_signals() if not _is_ignored_by_nohup(signum)}


def ignore_stop_signals() -> None:
    """Ignore all signals that stop the program, because it is ending."""
    listen(signal.SIG_IGN)


def counts(signum: int) -> bool:
    """Record a signal; returns whether it asks for more than the ones before it."""
    asks = asks_for_more(signum, _received)
    _received.append(signum)
    return asks


def asks_for_more(signum: int, received: Sequence[int]) -> bool:
    """Whether a signal means more than the ones before it.

    SLURM sends SIGTERM twice at once when a job's time is over, and after SIGUSR1 when a job is requeued. If the
    job does not end, SLURM kills it; so in a SLURM job only Ctrl+C can mean that a person has lost patience.
    """
    return not received or not _in_slurm_job or signum == signal.SIGINT


def in_slurm_job() -> bool:
    """Whether SLURM sends signals to this process."""
    return _in_slurm_job


def _is_ignored_by_nohup(signum: signal.Signals) -> bool:
    return signum.name == "SIGHUP" and signal.getsignal(signum) is signal.SIG_IGN


@contextmanager
def stop_at_once(*, in_slurm_job: bool = False) -> Iterator[None]:
    """Within the block, a signal raises `Stopped` at the point where it arrives; training sets its own handler.

    Args:
        in_slurm_job: Whether SLURM sends signals to this process, for the rest of the program.
    """
    global _in_slurm_job
    _in_slurm_job = in_slurm_job
    _received.clear()

    def stop(signum: int, _frame: FrameType | None) -> None:
        leave_dead_terminal()
        if counts(signum):
            raise Stopped(signum)

    with _listening(stop):
        if REQUEUE_SIGNAL is not None:
            # Delivers one that `hold_back_requeue_signal` has held back.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [REQUEUE_SIGNAL])
        yield


@contextmanager
def not_stopped() -> Iterator[None]:
    """Within the block, a signal waits; at its end, the signal raises `Stopped`. For moving and deleting files."""
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
            if signal.getsignal(signum) is handler:  # else `ignore_stop_signals` was called in the block
                signal.signal(signum, earlier)


_terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]


def leave_dead_terminal() -> None:
    """Discard output to a terminal that has been closed: each line written to it would raise an error."""
    for descriptor in _terminals:
        if not os.isatty(descriptor):
            with suppress(OSError):
                discard = os.open(os.devnull, os.O_WRONLY)
                os.dup2(discard, descriptor)
                os.close(discard)
