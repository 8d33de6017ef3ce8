"""What became of the saves of this start."""

import time


class SaveRecord:
    """Which saves failed, and for how long nothing has been saved.

    Args:
        interval: Seconds between two saves; a run is late if none has succeeded for longer, and the last one failed.

    Attributes:
        failed: What was reported of each save that failed.
        reason: Why the last save failed; None if it succeeded.
    """

    def __init__(self, interval: float) -> None:
        self.failed: list[str] = []
        self._interval = interval
        self._last_success = time.monotonic()
        self.reason: str | None = None

    def begin(self) -> None:
        """Note that training begins: what was done before needs no save."""
        self._last_success = time.monotonic()

    def add_success(self) -> None:
        self.reason, self._last_success = None, time.monotonic()

    def add_failure(self, place: str, reasons: str, *, nothing_saved: bool) -> None:
        """Note a save that failed.

        Args:
            place: Epoch and step.
            reasons: Each name with its reason.
            nothing_saved: Whether no other name holds the state either.
        """
        self.failed.append(f"{place}: {reasons}")
        if nothing_saved:
            self.reason = reasons.rpartition(": ")[2]

    def late_by(self) -> float | None:
        """Return for how long (s) nothing has been saved, if the run is late; None if it is not."""
        seconds = time.monotonic() - self._last_success
        return seconds if self.reason is not None and seconds >= self._interval else None
