"""Work on many files at once. Threads are enough: others run while a file is decoded, or waits for a network drive."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from datamodules.reading.pillow_files import without_pillow_warnings

_AT_ONCE = 16  # files that a thread takes at a time: handing over one costs a tenth of a millisecond
_HANDED_OVER = 2**12  # times at most, as far as a thread takes no more than _MOST_AT_ONCE files: each takes memory
_MOST_AT_ONCE = 2**8
_MOST = 16  # threads or processes: more of them wait for the same disk
Item = TypeVar("Item")
Found = TypeVar("Found")


def in_threads(work: Callable[[Item], Found], items: Sequence[Item]) -> Iterator[Found]:
    """Do the work on each item; returns the results in the order of the items."""
    at_once = max(_AT_ONCE, min(_MOST_AT_ONCE, len(items) // _HANDED_OVER))

    def on_some(first: int) -> list[Found]:
        return [work(item) for item in items[first : first + at_once]]

    with without_pillow_warnings(), ThreadPoolExecutor(processors()) as pool:
        for found in pool.map(on_some, range(0, len(items), at_once)):
            yield from found


def processors() -> int:
    """How many threads or processes may read files at once: one for each processor that this process may use."""
    # With more threads than these, small files cost several times as much: threads take Python's lock from each other.
    allowed = getattr(os, "sched_getaffinity", None)  # Linux has it
    return min(_MOST, len(allowed(0)) if allowed else os.cpu_count() or 1)
