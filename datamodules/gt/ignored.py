"""Which values of the ground truth are no class, but mark pixels that are not counted."""

from collections.abc import Mapping, Sequence
from enum import Enum

LARGEST = (255, 65535, 2**32 - 1)  # of unsigned numbers: what -1 becomes in them
# Numbers of classes up to this one may have gaps: a subset of the 21 classes of VOC, {0, 5, 15, 255}.
FEW_CLASSES = 20
# Above, they must be dense: at least one of eight numbers occurs ({0, 7, 11, 26, 33, 255}; not {0, 50, 255}) …
SMALL, GAPS_OF_SMALL = 63, 8
# … and one of two where they go on ({0, …, 182, 255}; not the grey levels {0, 8, 16, …, 255}).
GAPS_OF_LARGE = 2
# One number up to this one beside 255 may be either: {0, 26, 255} are cars in a street scene, or three grey levels.
UNCLEAR = 40
# Of objects that are counted, 255 is one only where the numbers before it occur, or in few files; as a border it is in
# nearly all files (an object that fills its file has none), and the numbers end far below it.
BORDER, NEARLY_ALL, FAR = 255, 0.9, 2


class Void(Enum):
    """What the largest number is."""

    CLASS = 0
    IGNORED = 1
    UNCLEAR = 2


def ignored_of(values: Sequence[int]) -> list[int]:
    """The values that are taken as not counted: all negative ones, and the largest number beside small ones."""
    negative = [value for value in values if value < 0]
    rest = [value for value in values if value >= 0]
    largest = [rest[-1]] if rest and void_of(rest) is Void.IGNORED else []
    return negative + largest


def void_of(values: Sequence[int]) -> Void:
    """Whether the last of the ascending values, none of them negative, is no class."""
    others = values[:-1]
    if len(others) < 2 or values[-1] not in LARGEST:
        return Void.CLASS
    highest, count = others[-1], len(others)
    is_dense = count * (GAPS_OF_SMALL if highest <= SMALL else GAPS_OF_LARGE) >= highest
    if highest <= FEW_CLASSES or is_dense:
        return Void.IGNORED
    return Void.UNCLEAR if highest <= UNCLEAR else Void.CLASS


def has_border(files: Sequence[Mapping[int, int]]) -> bool:
    """Whether BORDER lies around numbered objects, and is none of them.

    Args:
        files: The codes of each file with their pixels.
    """
    numbers = [[code for code in codes if code not in (0, BORDER)] for codes in files]
    bordered = [BORDER in codes for codes, objects in zip(files, numbers, strict=True) if objects]
    highest = max((code for objects in numbers for code in objects), default=BORDER)
    return highest * FAR <= BORDER and sum(bordered) >= NEARLY_ALL * len(bordered)
