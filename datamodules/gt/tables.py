"""The codes of a whole set: which of its numbers or colours carry the meaning, and how often each occurs."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from datamodules.gt.counts import Counts
from datamodules.gt.decision import Choice, choice_of_foreground, doubt
from datamodules.gt.stats import GtStats
from resume.system.output import text

# A colour that means a class comes again in other files. Of the colours of palettes that differ, at least so many …
RECURRING = 0.5
# … while palettes of random colours share next to none, if there are enough to tell.
RANDOM, ENOUGH = 0.1, 5


class CodeTable(NamedTuple):
    """The codes of a set.

    Attributes:
        reading: "values", "indices" or "colours".
        files: The codes of each file with their pixels; without the files that hold too many to count.
        uncounted: The number of those.
        shift: Of colours that use one channel only: where its number is in the code; None: colours that can be seen.
        has_palette: Whether the indices have colours that differ from grey.
    """

    reading: str
    files: list[dict[int, int]]
    uncounted: int
    shift: int | None = None
    has_palette: bool = False

    def totals(self) -> Counter[int]:
        """The pixels of each code."""
        total: Counter[int] = Counter()
        for counts in self.files:
            total.update(counts)
        return total


def table_of(stats: Sequence[GtStats], reading: str | None = None) -> CodeTable:
    """Count the codes of all files, in the given reading or in that which the form of the files asks for.

    Raises:
        DataError: Palettes differ, and neither their indices nor their colours come again.
    """
    reading = reading or _reading_of(stats)
    files, uncounted = [], 0
    for one in stats:
        counts = codes_in(one, reading)
        if counts is None:
            uncounted += 1
        else:
            files.append(counts)
    has_palette = any(not _is_grey(code) for one in stats for _, code in one.palette)
    shift = _only_channel(files) if reading == "colours" and not uncounted else None
    return CodeTable(reading, files, uncounted, shift, has_palette)


def _reading_of(stats: Sequence[GtStats]) -> str:
    forms = {one.form for one in stats}
    palettes = [dict(one.palette) for one in stats if one.form == "palette"]
    if "colour" in forms:
        return "colours"
    if not palettes:
        return "values"
    if all(_is_plain_grey(palette) for palette in palettes):
        return "values"
    shared: dict[int, int] = {}
    for palette in palettes:
        if any(shared.setdefault(index, colour) != colour for index, colour in palette.items()):
            return _where_palettes_differ(stats)
    numbers = {number for one in stats if one.form == "grey" for number, _ in one.counts}
    return "indices" if numbers <= {*shared, 0, 255} else "colours"


def _is_plain_grey(palette: dict[int, int]) -> bool:
    """Whether the colours are grey, and tell the indices apart."""
    return all(map(_is_grey, palette.values())) and len(set(palette.values())) == len(palette)


def _is_grey(code: int) -> bool:
    return code >> 16 == code >> 8 & 255 == code & 255


def _where_palettes_differ(stats: Sequence[GtStats]) -> str:
    by_colour, by_index = _recurrence(stats, "colours"), _recurrence(stats, "indices")
    if by_colour >= RECURRING:
        return "colours"
    occurrences = sum(len(one.palette) - 1 for one in stats if one.form == "palette")
    if by_colour < RANDOM and by_index >= RECURRING and occurrences >= ENOUGH:
        return "indices"
    raise doubt(
        text("the palettes differ from file to file, and few of their colours come again"),
        [
            Choice(text("the colours are the classes"), "--data.gt_reading colours"),
            Choice(text("the indices into the palettes are the classes"), "--data.gt_reading indices"),
            choice_of_foreground(),
        ],
    )


def _recurrence(stats: Sequence[GtStats], reading: str) -> float:
    """The share of the codes in files, without the most frequent one, that occur in another file too."""
    files = [set(codes_in(one, reading) or ()) for one in stats]
    number = Counter(code for codes in files for code in codes)
    background = number.most_common(1)[0][0]
    others = [count for code, count in number.items() if code != background]
    return sum(count for count in others if count > 1) / max(1, sum(others))


def codes_in(one: GtStats, reading: str) -> dict[int, int] | None:
    """The codes of a file with their pixels; None where they are not kept, or do not fit."""
    if not one.counts or (one.form == "colour" and reading != "colours"):
        return None
    if one.form == "palette" and reading != "indices":
        return _merged(
            one.counts, {index: colour & (255 if reading == "values" else -1) for index, colour in one.palette}
        )
    if one.form == "grey" and reading == "colours":
        if one.lowest < 0 or one.highest > 255:
            return None
        return {number * 0x010101: count for number, count in one.counts}
    return dict(one.counts)


def _merged(counts: Counts, codes: dict[int, int]) -> dict[int, int]:
    merged: Counter[int] = Counter()
    for index, count in counts:
        merged[codes.get(index, 0)] += count
    return dict(merged)


def _only_channel(files: Sequence[dict[int, int]]) -> int | None:
    """Where the numbers are, if all colours have one and the same channel alone, and are too dark to be seen apart."""
    union = 0
    for counts in files:
        for code in counts:
            union |= code
    used = [shift for shift in (16, 8, 0) if union >> shift & 255]
    return used[0] if len(used) == 1 and union >> used[0] < 128 else None
