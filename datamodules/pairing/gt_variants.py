"""Of several kinds of ground truth for the same images, the one that holds class numbers."""

import re
from collections.abc import Sequence

import numpy as np

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

_MOST_CLASSES = 64


def first_of_labels(files: Sequence[str]) -> int:
    """Return the index of the first file, in the order in which people count, that holds few whole numbers.

    If none does, that of the first with one number a pixel, and else that of the first.

    Args:
        files: An example of each kind.
    """
    order = sorted(range(len(files)), key=lambda index: _natural(files[index]))
    return min(order, key=lambda index: _rank(files[index]))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which `_2ndHO` comes before `_10thHO`."""
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in re.split(r"(\d+)", name)]


def _rank(file: str) -> int:
    """0 for few numbers of 8 bits, 1 for other numbers, 2 for colours, 3 for what cannot be read."""
    try:
        header = read_header(file)
        if header.channels > 1 and not header.has_palette:
            return 2
        pixels = read_raster(file).pixels
    except DataError:
        return 3  # the checks name it
    # Numbers of 16 bits beside those of 8 count objects.
    return 0 if pixels.itemsize == 1 and len(np.unique(pixels)) <= _MOST_CLASSES else 1
