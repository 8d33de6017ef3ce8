"""A number that all processes agree on, exchanged so rarely that the exchange costs nothing."""

import time

import torch
from lightning.pytorch.strategies import Strategy

SECONDS = 0.25
# At most this many calls pass between two exchanges, however fast they are: the next calls may be far slower, such as
# the batches of a validation.
MOST_CALLS = 16


class Consensus:
    """Finds the highest number of all processes; all of them continue with it.

    A collective at each step takes longer than a fast step, and makes a GPU wait. So most calls exchange nothing. All
    processes must exchange at the same calls although their clocks differ: with each result they also agree on the call
    of the next exchange. With one process, each call has its result at once.

    Args:
        strategy: The trainer's.
    """

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._size: int = strategy.world_size  # type: ignore[attr-defined]
        self._calls = 0
        self._exchange_at = 1
        self._exchanged = time.monotonic()

    def highest(self, number: int) -> int:
        """The highest number of all processes; 0 if this call exchanges nothing.

        All processes must call this equally often.
        """
        if self._size == 1:
            return number
        self._calls += 1
        if self._calls < self._exchange_at:
            return 0
        result, shortest = self._exchange(number, self._calls_until_next())
        self._calls, self._exchange_at, self._exchanged = 0, shortest, time.monotonic()
        return result

    def exchange_next(self) -> None:
        """Exchange at the next call, since the calls to come take another time; to be called by all processes."""
        self._exchange_at = 0

    def _calls_until_next(self) -> int:
        """The number of calls that take `SECONDS`, as far as this process can tell."""
        seconds = time.monotonic() - self._exchanged
        return max(1, min(MOST_CALLS, int(self._calls * SECONDS / max(seconds, 1e-6))))

    def _exchange(self, number: int, calls: int) -> tuple[int, int]:
        values = torch.tensor([number, -calls], device=self._strategy.root_device)
        agreed = self._strategy.reduce(values, reduce_op="max")
        assert isinstance(agreed, torch.Tensor)
        result, negative = agreed.tolist()
        return result, -negative
