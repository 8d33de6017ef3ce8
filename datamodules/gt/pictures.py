"""Ground truth that is a picture, or the damaged copy of a map of classes: refused, and said for what it is."""

from collections import Counter
from collections.abc import Sequence

from datamodules.data_errors import DataError, short_list
from datamodules.gt.decision import choice_of_threshold, doubt, files_text, hex_colour, share_text
from datamodules.gt.objects import MANY_VALUES
from datamodules.gt.stats import GtStats
from resume.system.output import text

FLAT_PICTURE = 0.2  # of the pixels of a picture, fewer have four equal neighbours; of a map, nearly all
FEW = 16  # values, of which even a map of thin lines may be made
CORED = 0.5  # of the colours of a map have a flat pixel; of those that JPEG or smoothing make, few have
FLAT_MAP, MAIN, MOST_MAIN = 0.5, 0.005, 0.75  # a smoothed map: flat areas of few main colours, which cover most of it


def refuse_pictures(stats: Sequence[GtStats], distinct: int) -> None:
    """Refuse files that are no maps of values.

    Args:
        stats: Of all files.
        distinct: Number of values or colours in the set.

    Raises:
        DataError: They are pictures, or colours that were smoothed.
    """
    if distinct <= FEW or sum(one.inner for one in stats) == 0:
        return
    inner, flat = sum(one.inner for one in stats), sum(one.flat for one in stats)
    if flat < FLAT_PICTURE * inner:
        raise _picture(stats, inner - flat, inner)
    colours = [one for one in stats if one.form == "colour"]
    cored = sum(one.cored for one in colours)
    if distinct > MANY_VALUES and cored < CORED * sum(one.distinct for one in colours):
        main, share = _main_colours(colours)
        if flat >= FLAT_MAP * inner and share >= MOST_MAIN:
            raise _smoothed(colours, main)
        raise _picture(stats, inner - flat, inner)
    if any(one.is_fractional for one in stats):
        raise doubt(
            text("its numbers are fractions, and not only near the two ends of their range"), [choice_of_threshold()]
        )


def _picture(stats: Sequence[GtStats], rough: int, inner: int) -> DataError:
    return DataError(
        text(
            "The ground truth looks like images, not like maps of classes: {share} of its pixels differ from a "
            "neighbour ({files}). Its pixels must hold the number or the colour of their class; networks that turn "
            "images into other images cannot be trained yet."
        ).format(share=share_text(rough, inner), files=files_text(len(stats)))
    )


def _smoothed(colours: Sequence[GtStats], main: Sequence[int]) -> DataError:
    return DataError(
        text(
            "The colours of the ground truth are mixed, as JPEG or smoothing mix them: up to {count} colours in a "
            "file, most of the pixels near {main}. Classes cannot be told from such colours safely. Get the original "
            "files, or save them as PNG, without smoothing."
        ).format(
            count=max(one.distinct for one in colours), main=short_list([hex_colour(code) for code in main], limit=12)
        )
    )


def _main_colours(colours: Sequence[GtStats]) -> tuple[list[int], float]:
    """The most frequent groups of similar colours, and the share of the pixels that have them."""
    groups: Counter[int] = Counter()
    for one in colours:
        for code, count in one.counts or one.clusters:
            groups[code & 0xF0F0F0] += count
    pixels = sum(one.pixels for one in colours)
    main = [code for code, count in groups.items() if count >= MAIN * pixels]
    return sorted(main), sum(groups[code] for code in main) / max(1, pixels)
