"""The numbers of a picture with how often they occur."""

from typing import Any

import numpy as np
import numpy.typing as npt

MOST_DISTINCT = 256  # numbers or colours whose counts are kept

Counts = tuple[tuple[int, int], ...]  # code and number of pixels, ascending codes


def count_codes(codes: npt.NDArray[np.integer]) -> tuple[int, Counts]:
    """The number of distinct codes, and each with its number of pixels unless they are too many."""
    if codes.dtype == np.uint8 and codes.size:
        highest, filled = int(codes.max()), int(np.count_nonzero(codes))
        if not filled or filled == int(np.count_nonzero(codes == highest)):  # most masks; a tenth of the time
            two = tuple((code, count) for code, count in ((0, codes.size - filled), (highest, filled)) if count)
            return len(two), two
    if codes.size and codes.dtype.itemsize <= 2 and int(codes.min()) >= 0:
        table = np.bincount(codes.ravel())
        values = np.flatnonzero(table)
        counts = table[values]
    else:
        numbers = codes.ravel()
        starts = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1  # of runs: a map has far fewer of them than pixels
        starts = np.concatenate([[0], starts]) if numbers.size else starts
        runs = numbers[starts]
        values = distinct_numbers(runs)
        if len(values) <= MOST_DISTINCT:
            lengths = np.diff(starts, append=numbers.size)
            counts = np.bincount(np.searchsorted(values, runs), lengths, minlength=len(values)).astype(np.int64)
    if len(values) > MOST_DISTINCT:
        return len(values), ()
    return len(values), tuple(zip(values.tolist(), counts.tolist(), strict=True))


def distinct_numbers(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The distinct numbers of (N), ascending; several times as fast as np.unique on the many colours of a picture."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if numbers.size else ordered
