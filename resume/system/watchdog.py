"""Signals that the main thread does not handle, because it waits in foreign code.

Python calls a signal's handler between two of its own instructions. A process that waits for others, in a rendezvous or
a collective, executes none, and Ctrl+C would do nothing until a time limit of half an hour. The C part of the handler
does run: it writes the signal's number to a socket (`signal.set_wakeup_fd`), which a thread reads.
"""

import _thread
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resume.system.exit_now import exit_now
from resume.system.output import text
from resume.system.signals import asks_for_more, stop_signals

# A main thread that handles a signal leaves the block within this time (s).
PATIENCE = 2.0

_NONE = -1

_received: list[int] = []  # in the outermost block and those within it


def _forget_in_child() -> None:
    """A forked child would write its own signals to its parent's socket."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(_NONE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def exit_if_unhandled(on_exit: Callable[[], None]) -> Iterator[None]:
    """End the program if the block continues for `PATIENCE` seconds after a signal that stops it.

    Training itself is within such a block, and within its own `noticed`: there, the first signal saves.

    Args:
        on_exit: Called before the end.
    """
    over = threading.Event()

    def end(signum: int) -> None:
        if not over.wait(PATIENCE):
            exit_unhandled(signum, on_exit)

    with noticed(end):
        try:
            yield
        finally:
            over.set()


def exit_unhandled(signum: int, on_exit: Callable[[], None]) -> None:
    """End the program after a signal that the main thread does not handle."""
    on_exit()
    exit_now(128 + signum, text("Ended at once, without saving: this process was waiting for others."))


@contextmanager
def noticed(notice: Callable[[int], None]) -> Iterator[None]:
    """Within the block, call `notice` in a thread with each signal that asks for more than the ones before it.

    Of two such blocks, the inner one gets the signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    if before == _NONE:
        _received.clear()
    threading.Thread(target=_read, args=(receiver, notice), daemon=True, name="watchdog").start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        sender.close()  # the thread closes the other end


def _read(receiver: socket.socket, notice: Callable[[int], None]) -> None:
    with receiver:
        while byte := receiver.recv(1):
            if byte[0] in stop_signals():
                asks = asks_for_more(byte[0], _received)
                _received.append(byte[0])
                if asks:
                    notice(byte[0])


def wake_main_thread(signum: int) -> None:
    """Let the main thread call its handler of a signal, also if it waits in a call of the system."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signum)
    else:
        _thread.interrupt_main(signal.Signals(signum))
