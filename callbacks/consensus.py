"""A question to all processes at once, asked so seldom that it costs nothing."""

import time

import torch
from lightning.pytorch.strategies import Strategy

SECONDS = 0.25
# However fast they are, so many calls at most: the next ones may be far slower, such as the batches of a validation.
MOST_CALLS = 16


class Question:
    """Asks all processes for a number; all of them go on with the highest.

    A collective at each step costs more than a fast step, and makes a GPU wait. So most calls ask nobody. All processes
    have to ask at the same calls, though their clocks differ: with each answer they also agree on when to ask next.
    With one process, each call is answered at once.

    Args:
        strategy: The trainer's.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._size: int = strategy.world_size  # type: ignore[attr-defined]
        self._calls = 0
        self._ask_at = 1
        self._asked = time.monotonic()

    def highest(self, number: int) -> int:
        """The highest number of all processes, or 0 where it is not asked for; to be called by all, equally often."""
        if self._size == 1:
            return number
        self._calls += 1
        if self._calls < self._ask_at:
            return 0
        answer, shortest = self._agree(number, self._calls_until_next())
        self._calls, self._ask_at, self._asked = 0, shortest, time.monotonic()
        return answer

    def ask_soon(self) -> None:
        """Ask at the next call, since the calls to come take another time; to be called by all."""
        self._ask_at = 0

    def _calls_until_next(self) -> int:
        """So many calls take `SECONDS`, as far as this process can tell."""
        seconds = time.monotonic() - self._asked
        return max(1, min(MOST_CALLS, int(self._calls * SECONDS / max(seconds, 1e-6))))

    def _agree(self, number: int, calls: int) -> tuple[int, int]:
        values = torch.tensor([number, -calls], device=self._strategy.root_device)
        agreed = self._strategy.reduce(values, reduce_op="max")
        assert isinstance(agreed, torch.Tensor)
        answer, negative = agreed.tolist()
        return answer, -negative
