"""What a training process tells the one that kills it: numbers in shared memory, which no kill takes along."""

import mmap

PHASES = (
    "start-up",
    "making way",
    "step",
    "validation",
    "history",
    "plot",
    "write",
    "sync",
    "replace",
    "folder",
    "names",
    "old files",
    "end",
    "set aside",
    "going",
)
_STEPS, _BEGAN_AT, _CAME, _FIRST_COUNT = range(4)


class Board:
    """Shared by a process and those that it forks.

    Attributes:
        steps: Optimizer steps of the run that are done.
        began_at: The step at which training began in this start; -1: it has not begun.
        came: Whether the moment that was aimed at has come.
    """

    def __init__(self) -> None:
        self._values = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
        self.clear()

    def clear(self) -> None:
        """Make it ready for a start."""
        for place in range(_FIRST_COUNT + len(PHASES)):
            self._values[place] = 0
        self.began_at = -1

    @property
    def steps(self) -> int:
        return self._values[_STEPS]

    @steps.setter
    def steps(self, value: int) -> None:
        self._values[_STEPS] = value

    @property
    def began_at(self) -> int:
        return self._values[_BEGAN_AT]

    @began_at.setter
    def began_at(self, value: int) -> None:
        self._values[_BEGAN_AT] = value

    @property
    def came(self) -> bool:
        return bool(self._values[_CAME])

    @came.setter
    def came(self, value: bool) -> None:
        self._values[_CAME] = value

    def count(self, phase: str) -> int:
        """Count one more event of a phase; returns how many there were."""
        place = _FIRST_COUNT + PHASES.index(phase)
        self._values[place] += 1
        return self._values[place]

    @property
    def counts(self) -> dict[str, int]:
        """How many events of each phase there were."""
        return {phase: self._values[_FIRST_COUNT + place] for place, phase in enumerate(PHASES)}
