import numpy as np
import pytest

from datamodules.reading.orientations import GtTurn, cause_of_sizes, turn_of_gt, turned, upright
from datamodules.reading.raster_form import FileHeader

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4)
UPRIGHT = {2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.T, 6: RAMP[::-1].T, 7: RAMP[::-1, ::-1].T,
           8: RAMP[:, ::-1].T}  # fmt: skip


def header(height: int, width: int, orientation: int | None = None) -> FileHeader:
    return FileHeader((height, width), orientation, 1, 3, 8, False, False, False, True, 0)


@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4, 5, 6, 7, 8])
def test_pixels_and_size_are_turned_as_exif_says(orientation: int | None) -> None:
    expected = UPRIGHT.get(orientation or 1, RAMP)
    np.testing.assert_array_equal(turned(RAMP, orientation), expected)
    np.testing.assert_array_equal(turned(np.dstack([RAMP] * 3), orientation)[:, :, 1], expected)
    assert upright(RAMP.shape, orientation) == expected.shape


@pytest.mark.parametrize(
    ("image", "gt", "turn"),
    [
        (header(30, 40), header(30, 40), GtTurn(None, True)),
        (header(30, 40, 1), header(30, 40), GtTurn(None, True)),
        (header(30, 40, 6), header(30, 40), GtTurn(6, True)),  # only the pixels as they are stored
        (header(30, 40, 6), header(40, 30), GtTurn(None, True)),  # only the turned image
        (header(30, 30, 6), header(30, 30), GtTurn(6, True, is_ambiguous=True)),
        (header(30, 40, 3), header(30, 40), GtTurn(3, True, is_ambiguous=True)),
        (header(30, 40, 6), header(15, 20), GtTurn(None, False)),
        (header(30, 40, 6), header(30, 40, 6), GtTurn(6, True)),  # its own tag
        (header(30, 40, 6), header(40, 30, 1), GtTurn(1, True)),
        (header(30, 40, 6), header(30, 40, 1), GtTurn(1, False)),
        (header(30, 40), header(40, 30, 8), GtTurn(8, True)),
        (header(30, 40), header(40, 30), GtTurn(None, False)),
    ],
)
def test_the_ground_truth_follows_its_own_tag_or_else_the_size_that_fits(
    image: FileHeader, gt: FileHeader, turn: GtTurn
) -> None:
    assert turn_of_gt(image, gt) == turn


@pytest.mark.parametrize(
    ("image", "gt", "said"),
    [
        (header(30, 40), header(30, 40), None),
        (header(30, 40, 6), header(30, 40, 1), "an EXIF orientation turns one of the two"),
        (header(30, 40), header(40, 30), "one of the two lies on its side"),
        (header(30, 40), header(15, 20), "the image is 2 times as large"),
        (header(30, 40), header(120, 160), "the ground truth is 4 times as large"),
        (header(30, 40), header(60, 81), None),
        (header(30, 40), header(0, 0), None),
        (header(30, 40), header(31, 40), None),
    ],
)
def test_a_cause_of_different_sizes_is_said_where_it_can_be_seen(
    image: FileHeader, gt: FileHeader, said: str | None
) -> None:
    assert cause_of_sizes(image, gt) == said
