"""Signals that the main thread does not handle, because it waits in foreign code.

Python calls a signal's handler between two of its own instructions. A process that waits for others, in a rendezvous or
a collective, executes none, and Ctrl+C would do nothing until a time limit of half an hour. The C part of the handler
does run: it writes the signal's number to a socket (`signal.set_wakeup_fd`), which a thread reads.
"""

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


def _forget_in_child() -> None:
    """A forked child would write its own signals to its parent's socket."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(_NONE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def exit_if_unhandled(count: int, on_exit: Callable[[], None]) -> Iterator[None]:
    """End the program if the block continues for `PATIENCE` seconds after `count` signals that stop it.

    Args:
        count: 1 where the first signal ends the program, 2 in training, where the first one saves.
        on_exit: Called before the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    over = threading.Event()
    threading.Thread(target=_watch, args=(receiver, count, over, on_exit), daemon=True, name="watchdog").start()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        sender.close()  # the thread closes the other end


def _watch(receiver: socket.socket, count: int, over: threading.Event, on_exit: Callable[[], None]) -> None:
    received: list[int] = []
    with receiver:
        while len(received) < count:
            byte = receiver.recv(1)
            if not byte:
                return
            if byte[0] in stop_signals() and asks_for_more(byte[0], received):
                received.append(byte[0])
    if not over.wait(PATIENCE):
        on_exit()
        exit_now(128 + byte[0], text("Ended at once, without saving: this process was waiting for others."))
