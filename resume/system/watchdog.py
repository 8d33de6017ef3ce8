"""Signals that the main thread does not hear, since it waits in foreign code.

Python calls a signal's handler between two steps of its own. A process that waits for the others, in a rendezvous or a
collective, makes none, and Ctrl+C would do nothing until a time limit of half an hour. The system's part of the handler
does run: it writes the signal's number to a socket (`signal.set_wakeup_fd`), which a thread reads.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resume.system.exit_now import leave_at_once
from resume.system.output import text
from resume.system.signals import asks_for_more, stop_signals

# A main thread that hears a signal leaves the block within this time (s).
PATIENCE = 2.0

_NONE = -1


def _forget_in_child() -> None:
    """A forked child would write its own signals to its parent's socket."""
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(_NONE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def leave_if_unheard(count: int, on_leaving: Callable[[], None]) -> Iterator[None]:
    """End the program if the block goes on for a while after so many signals that stop it.

    Args:
        count: 1 where the first signal ends the program, 2 in training, where it saves first.
        on_leaving: Called before the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets no other thread listen
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    over = threading.Event()
    threading.Thread(target=_listen, args=(receiver, count, over, on_leaving), daemon=True, name="unheard").start()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        sender.close()  # the thread closes the other end


def _listen(receiver: socket.socket, count: int, over: threading.Event, on_leaving: Callable[[], None]) -> None:
    heard: list[int] = []
    with receiver:
        while len(heard) < count:
            received = receiver.recv(1)
            if not received:
                return
            if received[0] in stop_signals() and asks_for_more(received[0], heard):
                heard.append(received[0])
    if not over.wait(PATIENCE):
        on_leaving()
        leave_at_once(128 + received[0], text("Left at once, without saving: a process waited for others."))
