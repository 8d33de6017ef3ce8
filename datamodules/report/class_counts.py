"""How many pixels of each class a ground truth holds, as far as possible from what was counted when it was decoded."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError
from datamodules.gt.codes import CLASS_READINGS, codes
from datamodules.gt.labels import ClassMapping
from datamodules.gt.stats import GtStats
from datamodules.gt.tables import codes_in
from datamodules.loading.sources import FolderPairs

IGNORED = -1  # pixels that are not counted
UNKNOWN = -2  # pixels whose code has no class


class ClassCounts(NamedTuple):
    """The pixels of one ground truth.

    Attributes:
        classes: How many there are of each class id, and of IGNORED and UNKNOWN.
        codes: The codes that occur.
    """

    classes: Counter[int]
    codes: frozenset[int]

    @property
    def is_empty(self) -> bool:
        """Whether it shows nothing but background."""
        return not any(class_id > 0 for class_id in self.classes)


def class_counts(source: FolderPairs, index: int, stats: GtStats, mapping: ClassMapping) -> ClassCounts | None:
    """Count the pixels of each class; the file is decoded once more only for readings that need its pixels.

    Args:
        source: The pairs.
        index: Of the pair.
        stats: What its ground truth holds.
        mapping: The class of each code.

    Returns:
        None for a ground truth that cannot be read like this.
    """
    found = _codes_of(stats, source.how.gt_reading, source.how.gt_threshold)
    if found is None and source.how.gt_reading not in CLASS_READINGS:
        try:
            pixels = codes(source.gt_raster(index), source.how.gt_reading, source.how.gt_threshold)
        except (DataError, ValueError):
            return None
        found = dict(zip(*(part.tolist() for part in np.unique(pixels, return_counts=True)), strict=True))
    return None if found is None else counted(found, mapping)


def counted(pixels: dict[int, int], mapping: ClassMapping) -> ClassCounts:
    """The classes of codes with their number of pixels."""
    classes: Counter[int] = Counter()
    for code, count in pixels.items():
        classes[IGNORED if mapping.is_ignored(code) else mapping.class_ids.get(code, UNKNOWN)] += count
    return ClassCounts(classes, frozenset(code for code, count in pixels.items() if count))


def _codes_of(stats: GtStats, reading: str, threshold: float | None) -> dict[int, int] | None:
    if reading in CLASS_READINGS:
        return codes_in(stats, reading)
    if reading == "nonzero" and not stats.has_nan:
        return _present({0: stats.zeros, 1: stats.pixels - stats.zeros})
    if reading == "threshold" and threshold is not None:
        levels = codes_in(stats, "values")
        if levels is not None:
            bright = sum(count for level, count in levels.items() if level >= threshold)
            return _present({0: stats.pixels - bright, 1: bright})
    return None


def _present(pixels: dict[int, int]) -> dict[int, int]:
    return {code: count for code, count in pixels.items() if count}
