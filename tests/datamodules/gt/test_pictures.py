"""Where a map of classes ends and a picture begins."""

import pytest

from datamodules.data_errors import DataError
from datamodules.gt.pictures import refuse_pictures
from datamodules.gt.stats import GtStats


def grey(flat: int) -> GtStats:
    return GtStats("grey", 8, 1, 120, inner=100, flat=flat)


def colours(cored: int = 0, flat: int = 60, main: int = 750, small: int = 0, pieces: int = 0) -> GtStats:
    """A file of 1,000 pixels and 100 colours: `main` in one group of alike ones, and groups of `small` pixels."""
    groups = [(0x100000 * (1 + number), small) for number in range(pieces)]
    counts = ((0, main), *groups)
    return GtStats("colour", 8, 3, 1000, distinct=100, counts=counts, inner=100, flat=flat, cored=cored)


def is_refused(stats: GtStats, distinct: int = 100) -> str:
    """What a file is refused for; nothing where it is not."""
    try:
        refuse_pictures([stats], distinct)
    except DataError as error:
        return "mixed" if "are mixed" in str(error) else "picture"
    return ""


def test_fewer_flat_pixels_than_a_fifth_are_a_picture_of_more_than_16_values() -> None:
    assert [is_refused(grey(flat), 17) for flat in (20, 19)] == ["", "picture"]
    assert is_refused(grey(0), 16) == ""


def test_colours_of_which_half_have_a_flat_pixel_are_a_map() -> None:
    assert [is_refused(colours(cored)) for cored in (50, 49)] == ["", "mixed"]
    assert is_refused(colours(cored=0), 64) == ""


@pytest.mark.parametrize(
    ("mixed", "picture"),
    [
        (colours(flat=50), colours(flat=49)),
        (colours(main=750), colours(main=749)),
        (colours(main=740, small=5, pieces=2), colours(main=740, small=4, pieces=3)),
    ],
)
def test_smoothed_colours_are_told_from_a_picture_by_their_main_ones(mixed: GtStats, picture: GtStats) -> None:
    assert [is_refused(mixed), is_refused(picture)] == ["mixed", "picture"]
