from typing import Any

import numpy as np
import pytest

from datamodules.gt.codes import READINGS, codes, colourful, whole_numbers
from tests.helpers.drawn_gt import Map, as_raster

GREY = np.array([[0, 1, 200]], np.uint8)
RED = np.array([[[0, 0, 0], [1, 0, 0], [255, 128, 0]]], np.uint8)
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 0]], np.uint8)
GREYS = np.array([[0] * 3, [128] * 3, [255] * 3], np.uint8)
INDICES = np.array([[0, 1, 2]], np.uint8)


@pytest.mark.parametrize(
    ("pixels", "palette", "reading", "expected"),
    [
        (GREY, None, "values", [0, 1, 200]),
        (GREY.astype(np.float64), None, "values", [0, 1, 200]),
        (np.repeat(GREY[..., None], 3, -1), None, "values", [0, 1, 200]),
        (np.array([[-1, 70000]], np.int32), None, "values", [-1, 70000]),
        (INDICES, GREYS, "values", [0, 128, 255]),
        (INDICES, PALETTE, "indices", [0, 1, 2]),
        (GREY, None, "indices", [0, 1, 200]),
        (RED, None, "colours", [0, 0x010000, 0xFF8000]),
        (RED.astype(np.uint16) * 257, None, "colours", [0, 0x010000, 0xFF8000]),
        (RED.astype(np.float32) / 255, None, "colours", [0, 0x010000, 0xFF8000]),
        (INDICES, PALETTE, "colours", [0, 0xFF0000, 0]),
        (GREY, None, "colours", [0, 0x010101, 0xC8C8C8]),
        (GREY, None, "nonzero", [0, 1, 1]),
        (RED, None, "nonzero", [0, 1, 1]),
        (INDICES, PALETTE, "nonzero", [0, 1, 0]),
        (np.array([[[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]]), None, "nonzero", [0, 1]),
        (GREY, None, "threshold", [0, 0, 1]),
        (INDICES, GREYS, "threshold", [0, 1, 1]),
        (np.array([[[130, 126, 131], [120, 130, 125]]], np.uint8), None, "threshold", [1, 0]),
    ],
)
def test_each_form_of_file_is_read_as_one_number_a_pixel(
    pixels: Map, palette: Map | None, reading: str, expected: list[int]
) -> None:
    found = codes(as_raster(pixels, palette=palette), reading, 128)
    assert np.issubdtype(found.dtype, np.integer)
    assert found.tolist() == [expected]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_is_cut_at_half_of_its_range(dtype: type) -> None:
    top = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    alpha: Map = np.array([[0, 0.4 * top, 0.6 * top, top]]).astype(dtype)
    assert codes(as_raster(np.zeros((1, 4), np.uint8), alpha=alpha), "alpha", None).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("pixels", "palette", "reading", "reason"),
    [
        (RED, None, "values", "it holds colours, but one number"),
        (RED, None, "indices", "it has no palette"),
        (RED, None, "threshold", "it holds colours, but grey values"),
        (INDICES, PALETTE, "values", "its palette has colours"),
        (np.array([[0.5]]), None, "values", "fractions"),
        (np.array([[np.nan]]), None, "values", "not finite"),
        (np.array([[np.inf]]), None, "indices", "not finite"),
        (np.array([[np.nan]]), None, "nonzero", "not finite"),
        (np.array([[np.nan]]), None, "threshold", "not finite"),
        (np.array([[300]], np.uint16), None, "colours", "numbers, but colours"),
        (np.zeros((1, 1, 5), np.uint8), None, "colours", "5 channels"),
        (np.zeros((1, 1, 2), np.uint8), None, "values", "2 channels"),
        (GREY, None, "alpha", "no transparency"),
    ],
)
def test_a_file_that_does_not_fit_a_reading_is_refused_with_the_reason(
    pixels: Map, palette: Map | None, reading: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        codes(as_raster(pixels, palette=palette), reading, 0.5)


def test_every_reading_takes_an_empty_picture() -> None:
    empty: Any = np.zeros((0, 0), np.uint8)
    for reading in READINGS:
        assert codes(as_raster(empty, alpha=empty), reading, 0.5).shape == (0, 0)


def test_a_pixel_is_colourful_from_a_difference_of_channels_on_that_jpeg_does_not_make() -> None:
    assert [colourful(np.array([[[100, 100 + apart, 100]]], np.uint8)) for apart in (32, 33)] == [0, 1]


def test_floats_are_whole_numbers_as_far_as_they_are_exact() -> None:
    assert whole_numbers(np.array([[2.0**53]])) is not None
    assert whole_numbers(np.array([[2.0**53 + 2]])) is None
