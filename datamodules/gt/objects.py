"""Whether the numbers of the ground truth are classes, or objects that were counted: cells, glands, leaves."""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from statistics import median
from typing import NamedTuple

import numpy as np

from datamodules.gt.structure import GtStructure

SINGLE = 0.8  # an object is one piece; a class that occurs at several places is not
MOSTLY = 0.9  # of the files, or pieces, follow a rule that objects follow always; the rest is a slip of a hand
MANY_VALUES = 64  # classes are rarely more
BY_VALUE = 0.5  # of the variance of the areas: pupils are small and hair is large, while cell 1 is as large as cell 5
# F of the same: so much more between values than within is no chance, with at least REPEATS areas a value.
NO_CHANCE, REPEATS = 2.5, 2
FEW_OBJECTS = 4  # {1}, {1, 2} and {1, 2, 3} may be anything
HIDDEN = 0.5  # of the areas are one piece, even where objects hide parts of others
UNIQUE = 1.1  # areas a value: numbers, or colours, that hardly come again in another file name objects
CROP = 8  # as many single pieces with numbers of any kind in one file are objects: the crop of a larger map
COUNTS, ONE_COUNT = 3, 0.6  # different numbers of objects, and the largest share of the files that have the same number
PAINTS, CROWD = 8, 5  # colours that keep neighbours apart, and how many objects a file has in the first of them
BESIDE = 0.75  # of the objects of a higher colour are beside one of a lower one; the others lost theirs when cleaned
MERGED = 4  # times the mean is the largest object; cells of one type that touch make far larger areas
ENCLOSED, OPEN, FILES = 0.1, 0.5, 3  # a class within another (a tumour in a liver) is enclosed again and again


class Kind(Enum):
    """What the numbers are."""

    CLASSES = 0
    OBJECTS = 1
    PAINTED = 2  # objects whose numbers only keep neighbours apart
    UNCLEAR = 3


class Pieces(NamedTuple):
    """The measures of a set's pieces.

    Attributes:
        areas: Number of pairs of a file and a value.
        single: The share of them that are one connected piece.
        counts: The number of values in each file that has any.
        consecutive: The share of these files whose values are 1, 2, …, n.
        by_value: omega² of the logarithm of the areas by value; None where values do not come again.
        f: F of the same.
        distinct: Number of values in these files.
    """

    areas: int
    single: float
    counts: list[int]
    consecutive: float
    by_value: float | None
    f: float
    distinct: int


def measure(structures: Sequence[GtStructure], number_of: Callable[[int], int]) -> Pieces:
    """Summarise the pieces.

    Args:
        structures: Of the files.
        number_of: The number that a code stands for, from 1.
    """
    full = [one for one in structures if one.values]
    areas = [(value, area) for one in full for value, area in zip(one.values, one.areas, strict=True)]
    single = sum(pieces == 1 for one in full for pieces in one.pieces)
    consecutive = sum(sorted(map(number_of, one.values)) == list(range(1, len(one.values) + 1)) for one in full)
    by_value, f = _variance(areas)
    return Pieces(
        len(areas),
        single / max(1, len(areas)),
        [len(one.values) for one in full],
        consecutive / max(1, len(full)),
        by_value,
        f,
        len({value for value, _ in areas}),
    )


def _variance(areas: Sequence[tuple[int, int]]) -> tuple[float | None, float]:
    """omega² and F of an analysis of variance of the logarithms of the areas by value."""
    groups: dict[int, list[float]] = {}
    for value, area in areas:
        groups.setdefault(value, []).append(float(np.log(area)))
    if len(groups) < 2 or len(areas) < REPEATS * len(groups):
        return None, 0.0
    everything = np.concatenate(list(groups.values()))
    total = float(((everything - everything.mean()) ** 2).sum())
    within = sum(float(((np.array(group) - np.mean(group)) ** 2).sum()) for group in groups.values())
    noise = within / (len(areas) - len(groups))
    between, degrees = total - within, len(groups) - 1
    if np.isclose(total, 0):
        return 0.0, 0.0  # areas of one size, but for rounding
    f = between / degrees / noise if noise else float("inf")
    return (between - degrees * noise) / (total + noise), f


def kind_of(structures: Sequence[GtStructure], pieces: Pieces, distinct: int, has_colours: bool) -> Kind:
    """Say what the numbers are.

    Args:
        structures: Of the files.
        pieces: Measured on them.
        distinct: Number of values in the set, without the background and what is ignored.
        has_colours: Whether the numbers are indices into one palette of colours for all files.
    """
    if not pieces.counts or max(pieces.counts) == 1 or _is_nested(structures):
        return Kind.CLASSES
    if distinct <= PAINTS and pieces.consecutive >= MOSTLY and _are_painted(structures):
        return Kind.PAINTED if _is_counting(pieces) else Kind.UNCLEAR
    if pieces.by_value is not None and pieces.by_value >= BY_VALUE:
        return Kind.CLASSES
    if pieces.single < SINGLE:
        return _of_scattered(pieces)
    if distinct > MANY_VALUES:
        return Kind.OBJECTS
    return _of_single(pieces, has_colours)


def _of_single(pieces: Pieces, has_colours: bool) -> Kind:
    """At most 64 numbers, nearly all one piece in each file."""
    most = max(pieces.counts)
    if _is_counting(pieces):
        return Kind.OBJECTS if most >= FEW_OBJECTS else Kind.UNCLEAR
    if pieces.consecutive >= MOSTLY:
        return Kind.CLASSES if most < CROP else Kind.UNCLEAR
    if has_colours:
        return Kind.CLASSES
    if pieces.distinct * UNIQUE >= pieces.areas >= CROP and len(pieces.counts) > 1:
        return Kind.OBJECTS
    if most >= CROP and pieces.single >= MOSTLY and len(pieces.counts) > 1:
        return Kind.OBJECTS
    if most < FEW_OBJECTS and pieces.consecutive > 0 and pieces.by_value is not None:
        return Kind.CLASSES  # few numbers, with gaps that counting would not leave
    return Kind.CLASSES if pieces.f >= NO_CHANCE else Kind.UNCLEAR


def _is_counting(pieces: Pieces) -> bool:
    """Whether the values of a file are 1, 2, …, n, and n differs from file to file."""
    return pieces.consecutive >= MOSTLY and len(set(pieces.counts)) > 1


def _of_scattered(pieces: Pieces) -> Kind:
    """Numbers whose areas are often several pieces: classes, or objects that are hidden in part."""
    if (
        not _is_counting(pieces)
        or len(pieces.counts) < FEW_OBJECTS
        or max(pieces.counts) < FEW_OBJECTS
        or pieces.single < HIDDEN
    ):
        return Kind.CLASSES
    spread = Counter(pieces.counts)
    is_spread = len(spread) >= COUNTS and spread.most_common(1)[0][1] <= ONE_COUNT * len(pieces.counts)
    return Kind.OBJECTS if is_spread else Kind.CLASSES


def _are_painted(structures: Sequence[GtStructure]) -> bool:
    """Whether the numbers only keep touching objects apart: a higher one is used where a lower one is next to it."""
    pieces: Counter[int] = Counter()
    above, open_ = 0, 0
    full = [one for one in structures if one.values]
    for one in full:
        pieces.update(dict(enumerate(one.pieces)))
        above += sum(one.above[1:])
        open_ += sum(one.open[1:])
    higher = sum(pieces.values()) - pieces[0]
    is_falling = all(pieces[rank] > pieces[rank + 1] for rank in range(len(pieces) - 1))
    if not (is_falling and higher and above >= BESIDE * higher and open_ >= MOSTLY * higher):
        return False
    merged = median(one.largest[0] * one.pieces[0] / one.areas[0] for one in full)
    return median(one.pieces[0] for one in full) >= CROWD and merged <= MERGED


def _is_nested(structures: Sequence[GtStructure]) -> bool:
    """Whether the areas of one value lie inside others in file after file, and those of another value do not."""
    pieces: Counter[int] = Counter()
    open_: Counter[int] = Counter()
    files: Counter[int] = Counter()
    for one in structures:
        for value, found, reaching in zip(one.values, one.pieces, one.open, strict=True):
            pieces[value] += found
            open_[value] += reaching
            files[value] += 1
    shares = [open_[value] / pieces[value] for value, count in files.items() if count >= FILES]
    return bool(shares) and min(shares) <= ENCLOSED and max(shares) >= OPEN
