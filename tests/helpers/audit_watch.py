"""What the interpreter tells of itself: imports, files that are opened, processes that are started."""

import sys
from typing import Any


class AuditWatch:
    """Notes events of the interpreter while it is on; a hook cannot be taken out again.

    Attributes:
        is_on: Whether it notes what happens.
        seen: The events so far, each with its arguments.
    """

    def __init__(self, *events: str) -> None:
        self.is_on = False
        self.seen: list[tuple[Any, ...]] = []
        self._events = events
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event in self._events:
            self.seen.append((event, *arguments))
