"""Of several kinds of ground truth for the same images, the one that holds class numbers."""

import re
from collections.abc import Sequence

import numpy as np

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

_MOST_CLASSES = 64


def first_of_labels(files: Sequence[str]) -> int:
    """Return the index of the first file, in the order in which people count, that holds few whole numbers of 8 bits.

    If none does, that of the first with few of more bits, with any numbers, or with colours, in this order.

    Args:
        files: An example of each kind.
    """
    order = sorted(range(len(files)), key=lambda index: _natural(files[index]))
    return min(order, key=lambda index: _rank(files[index]))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which `_2ndHO` comes before `_10thHO`."""
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in re.split(r"(\d+)", name)]


def _rank(file: str) -> int:
    """0 for few whole numbers of 8 bits, 1 for few of more, 2 for other numbers, 3 for colours, 4 if unreadable."""
    try:
        header = read_header(file)
        if header.channels > 1 and not header.has_palette:
            return 3
        pixels = read_raster(file).pixels
    except DataError:
        return 4  # the checks name it
    values = np.unique(pixels)
    if len(values) > _MOST_CLASSES or not bool((values == np.rint(values)).all()):
        return 2
    return 1 if header.bits > 8 else 0  # numbers of objects need more bits than those of classes
