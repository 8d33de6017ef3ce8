"""Whether grey values are two classes with a fringe, as resizing and JPEG make them."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from datamodules.gt.stats import BAND, GtStats

EXTREME = 0.9  # of the pixels are near black or white; of a photograph, far fewer
# Areas of a class are flat inside. Of the pixels between black and white, more flat ones than the first are areas, and
# fewer than the second are a fringe.
FLAT_AREAS, FLAT_FRINGE = 0.5, 0.05
FEWEST_LEVELS = 2  # a single value between black and white may be a class drawn as a thin line
SMALL = 63  # numbers of classes beside 255 are not above


class Verdict(Enum):
    """What the values between black and white are."""

    NONE = 0  # no fringe
    FRINGE = 1
    UNCLEAR = 2


class Fringe(NamedTuple):
    """What the grey values of a set say.

    Attributes:
        verdict: What the values between black and white are.
        threshold: Half of the range.
        high: Pixels near white.
        between: Pixels between the bands.
        pixels: All pixels.
    """

    verdict: Verdict
    threshold: float
    high: int
    between: int
    pixels: int


def fringe_of(stats: Sequence[GtStats], values: Sequence[int]) -> Fringe:
    """Look at the grey values of a set.

    Args:
        stats: Of all files; grey, or nearly so.
        values: All numbers in them; empty where they are too many, or fractions.
    """
    scale = max(one.scale for one in stats) or max(one.highest for one in stats)
    low = sum(one.low if one.scale == scale else one.pixels for one in stats)
    high = sum(one.high for one in stats if one.scale == scale)
    pixels = sum(one.pixels for one in stats)
    between = pixels - low - high
    half = scale / 2 if scale == 1 else (scale + 1) / 2
    return Fringe(_verdict(stats, values, scale, low, high, between), half, high, between, pixels)


def _verdict(
    stats: Sequence[GtStats], values: Sequence[int], scale: float, low: int, high: int, between: int
) -> Verdict:
    pixels = low + high + between
    if scale == 1 and not any(one.is_fractional for one in stats):
        return Verdict.NONE  # whole numbers: 0 and 1, or colours too dark to be seen
    if not all(one.scale for one in stats):
        return Verdict.NONE
    if not low or not high or between > (1 - EXTREME) * pixels or len(values) in (1, 2):
        return Verdict.NONE
    if values and all(value <= SMALL or value == scale for value in values):
        return Verdict.NONE  # numbers of classes, and one that is ignored
    flat = sum(one.flat_between for one in stats if one.scale == scale) / max(1, between)
    if flat > FLAT_AREAS:
        return Verdict.NONE
    levels = sum(scale / BAND < value < scale - scale / BAND for value in values)
    is_line = bool(values) and levels < FEWEST_LEVELS and len(values) <= levels + 2
    return Verdict.UNCLEAR if flat > FLAT_FRINGE or is_line else Verdict.FRINGE
