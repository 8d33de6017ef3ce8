"""A training that was told to stop, and makes no progress."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from resume.system.durable_files import bytes_in_work
from resume.system.watchdog import PATIENCE as SECOND_SIGNAL_PATIENCE
from resume.system.watchdog import exit_unhandled, noticed

# Without progress for this time (s), the run is ended; another process than the first waits a little longer, since the
# first one saves. All ways to the end together take less than 20 s.
PATIENCE = 10.0
PATIENCE_OF_OTHERS = 12.0
_FURTHER_PATIENCE = 4.0  # for each further way to the end
_BUSY = 0.05  # the share of one core that a process uses if it does not wait
_PAUSE = 0.1


class StallWatch:
    """Looks from a thread, after a stop signal, whether training still makes progress, and ends it if not.

    A batch, a byte of a save and the use of the processor are progress. A step that waits for its data, for another
    process or for a file system makes none.

    Args:
        is_first: Whether this is the first process.
        beats: A number that changes whenever a batch begins or ends.
        ways: What ends the run, from the best way to the last; each is called with the signal, in a thread.
        on_exit: Called before the program ends because of a second signal that the main thread does not handle.
    """

    def __init__(
        self,
        is_first: bool,
        beats: Callable[[], int],
        ways: Sequence[Callable[[int], None]],
        on_exit: Callable[[], None],
    ) -> None:
        self._patience = PATIENCE if is_first else PATIENCE_OF_OTHERS
        self._beats = beats
        self._ways = ways
        self._on_exit = on_exit
        self._signals = 0
        self._is_ending = False
        self._over = threading.Event()
        self._exits = ExitStack()
        self._exits.enter_context(noticed(self._notice))

    def close(self) -> None:
        """End the watch: training has ended."""
        self._over.set()
        self._exits.close()

    def _notice(self, signum: int) -> None:
        if self._is_ending:  # one of the ways sends a signal itself
            return
        self._signals += 1
        if self._signals == 1:
            threading.Thread(target=self._end_if_stalled, args=(signum,), daemon=True, name="stall").start()
        elif not self._over.wait(SECOND_SIGNAL_PATIENCE):
            exit_unhandled(signum, self._on_exit)

    def _end_if_stalled(self, signum: int) -> None:
        patience = self._patience
        for way in self._ways:
            if not self._stalls(patience):
                return
            self._is_ending = True
            way(signum)
            patience = _FURTHER_PATIENCE

    def _stalls(self, patience: float) -> bool:
        """Wait until there was no progress for this time (True), or until training has ended (False)."""
        seen, since, used = self._seen(), time.monotonic(), time.process_time()
        while not self._over.wait(_PAUSE):
            now, seen_now, used_now = time.monotonic(), self._seen(), time.process_time()
            if seen_now != seen or used_now - used > _BUSY * patience:
                seen, since, used = seen_now, now, used_now
            elif now - since >= patience:
                return True
        return False

    def _seen(self) -> tuple[int, int]:
        return self._beats(), bytes_in_work()
