"""Work on many files at once. Threads are enough: others run while a file is decoded, or waits for a network drive."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from datamodules.reading.pillow_files import without_pillow_warnings

_AT_ONCE = 16  # files that a thread takes at a time: handing over one costs a tenth of a millisecond
Item = TypeVar("Item")
Found = TypeVar("Found")


def in_threads(work: Callable[[Item], Found], items: Sequence[Item]) -> Iterator[Found]:
    """Do the work on each item; returns the results in the order of the items."""

    def on_some(first: int) -> list[Found]:
        return [work(item) for item in items[first : first + _AT_ONCE]]

    with without_pillow_warnings(), ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        for found in pool.map(on_some, range(0, len(items), _AT_ONCE)):
            yield from found
