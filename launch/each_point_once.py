"""What a run has logged so far, noted on disk, so that no start logs a point a second time."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_OF_EVERY_POINT = {"epoch"}  # Lightning adds it to each


class EachPointOnce:
    """The method `log_metrics` of a logger, without the points that an earlier start has logged.

    Points of a step whose work is done are logged before the step after it is made, with one exception: a validation
    that was interrupted is made again, and logged under the step before the one at which the run was resumed. So it is
    enough to note the last step with the names of its points, and the points under steps before the resumed one.

    The note is written before the point is logged. A kill leaves it whole, and costs one point at most.

    Args:
        log: The logger's own method.
        note: The file of the note.
        step: The first step that this start makes; 0 for a new run.
        takes_back: Whether the points of this step and later ones were taken back. If not, as with a service or a file
            of another program, all points are held back until those of the last logged step are passed.
        copies: A file that gets a copy of each point, for `repeat`.

    Attributes:
        count: How often the run has called the logger so far.
        held_back_until: The last step whose points are held back; None if there is none.
    """

    def __init__(
        self, log: Callable[..., None], note: Path, step: int, *, takes_back: bool, copies: Path | None = None
    ) -> None:
        self._log = log
        self._note = note
        self._copies = copies
        self._first = step
        content = _read(note)
        self.count: int = content["count"]
        self._late: dict[str, list[str]] = content["late"]
        self._last: int = content["step"]
        self._names: list[str] = content["names"]
        if takes_back:
            self._late = {late: names for late, names in self._late.items() if int(late) < step}
            if self._last >= step:
                self._last, self._names = -1, []
        self._done = {int(late): set(names) for late, names in self._late.items()}
        self._done.setdefault(self._last, set()).update(self._names)
        self._passed = -1 if takes_back else self._last
        self.held_back_until = self._passed if self._passed >= step else None

    def __call__(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log the points of a step that are not logged yet."""
        if step is None:
            self._log(metrics=metrics, step=step)
            return
        new = {} if step < self._passed else metrics
        done = self._done.get(step, set()) - _OF_EVERY_POINT
        new = {name: value for name, value in new.items() if name not in done}
        if new.keys() - _OF_EVERY_POINT:
            self._copy(step, new)
            self._take_note(step, list(new))
            self._log(metrics=new, step=step)

    def repeat(self, begun: int) -> None:
        """Log once more all points behind the first `begun` of the run: a process that was killed had lost them."""
        assert self._copies is not None
        with suppress(OSError):
            for line in self._copies.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, KeyError):  # a line that was cut short
                    copy = json.loads(line)
                    if copy["count"] >= begun:
                        self._log(metrics=copy["metrics"], step=copy["step"])

    def _copy(self, step: int, metrics: Mapping[str, Any]) -> None:
        if self._copies is None:
            return
        with suppress(OSError, TypeError, ValueError):  # a value that is no number
            line = json.dumps({"count": self.count, "step": step, "metrics": dict(metrics)}, default=float)
            with self._copies.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    def _take_note(self, step: int, names: list[str]) -> None:
        self.count += 1
        if step < self._first:
            self._late[str(step)] = sorted({*self._late.get(str(step), []), *names})
        elif step == self._last:
            self._names = sorted({*self._names, *names})
        elif step > self._last:
            self._last, self._names = step, names
        content = {"step": self._last, "names": self._names, "late": self._late, "count": self.count}
        with suppress(OSError):  # the worst that follows is a point twice; training goes on
            _write(self._note, json.dumps(content).encode())


def _write(path: Path, content: bytes) -> None:
    """Overwrite in one call, which a kill does not divide. What a longer content before it leaves is not read."""
    with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
        file.write(content)
        file.truncate()


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"step": -1, "names": [], "late": {}, "count": 0}
    try:
        content, _ = json.JSONDecoder().raw_decode(path.read_text(encoding="utf-8"))
        return {name: type(value)(content[name]) for name, value in empty.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return empty
