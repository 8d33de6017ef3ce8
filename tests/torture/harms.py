"""What a run is stopped by, and how a start has to end that it comes to."""

import os
import signal
from dataclasses import dataclass
from typing import ClassVar

from tests.torture.configurations import Configuration
from tests.torture.disk import Disk
from tests.torture.starts import Start

ANY_TIME = "any time"
# How often each phase is drawn.
_WEIGHTS = {
    "start-up": 2,
    "making way": 2,
    "step": 2,
    "validation": 2,
    "history": 2,
    "plot": 2,
    "write": 4,
    "sync": 2,
    "replace": 2,
    "folder": 1,
    "names": 4,
    "old files": 2,
    "end": 1,
}
_NOT_SAVED = "Warning: not saved in"


@dataclass(frozen=True)
class Signal:
    """A signal: SIGKILL, or one at which the program saves and leaves."""

    signum: int

    lasting: ClassVar[bool] = False
    weights: ClassVar[dict[str, int]] = {**_WEIGHTS, ANY_TIME: 4}

    def act(self) -> None:
        """Send it to this process."""
        os.kill(os.getpid(), self.signum)

    def end(self) -> None:
        """It is over once it has come."""

    def exit_codes(self, start: Start, phase: str | None) -> set[int]:
        """Those that a start may have; a signal that comes when all is done may be of no consequence."""
        if not start.came:
            return {0}
        return {128 + self.signum, *([0] if phase in ("end", ANY_TIME) else [])}

    def lost_at_most(self, configuration: Configuration) -> int:
        """Steps that it may cost."""
        return configuration.lost_at_most if self.signum == signal.SIGKILL else 0


@dataclass(frozen=True)
class FullDisk:
    """The disk fills up, and stays full until the start has ended by itself."""

    disk: Disk

    lasting: ClassVar[bool] = True
    weights: ClassVar[dict[str, int]] = _WEIGHTS

    def act(self) -> None:
        """Fill it."""
        self.disk.fill()

    def end(self) -> None:
        """Make room again."""
        self.disk.free()

    def exit_codes(self, start: Start, phase: str | None) -> set[int]:
        """1 where saves failed; 2 where training had not begun yet."""
        if _NOT_SAVED in start.said:
            return {1}
        return {2} if start.came and start.began_at < 0 else {0}

    def lost_at_most(self, configuration: Configuration) -> int | None:
        """None: all that could not be saved."""
        return None


Harm = Signal | FullDisk
