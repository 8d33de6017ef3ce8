"""Of several kinds of ground truth for the same images, the one that holds class numbers."""

import re
from collections.abc import Sequence

from PIL import Image

_MOST_CLASSES = 64
_GREY = ("1", "L", "P", "LA")


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
    """0 for classes, 1 for other numbers, 2 for colours, 3 for what cannot be read."""
    try:
        with Image.open(file) as image:
            if image.mode in _GREY:
                channel = image if image.mode != "LA" else image.getchannel(0)
                return 0 if channel.getcolors(_MOST_CLASSES) else 1
            return 1 if image.mode.startswith(("I", "F")) else 2
    except Exception:  # noqa: BLE001 - a damaged file can fail in any way; the checks name it
        return 3
