"""Several ground truth files of one image are one, if each holds an object of its own."""

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.pairing.unions import union
from datamodules.reading.raster_form import Raster


def mask(left: int, right: int, value: int = 255, width: int = 100) -> Raster:
    pixels = np.zeros((10, width), np.uint8)
    pixels[:, left:right] = value
    return Raster(pixels)


def test_a_single_file_is_taken_as_it_is() -> None:
    one = mask(0, 5)
    assert union(["a"], [one]) is one


def test_objects_side_by_side_are_one_picture_whose_borders_may_touch() -> None:
    joined = union(["a", "b"], [mask(0, 50), mask(49, 100)])
    assert (joined.pixels == 255).all()


def test_palettes_are_joined_by_their_colours() -> None:
    first = Raster(np.array([[1, 0]], np.uint8), palette=np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    second = Raster(np.array([[1, 0]], np.uint8), palette=np.array([[255, 255, 255], [0, 0, 0]], np.uint8))
    assert union(["a", "b"], [first, second]).pixels.tolist() == [[255, 255]]


def test_files_that_mark_the_same_pixels_are_no_objects_side_by_side() -> None:
    with pytest.raises(DataError, match=r"a and the other files of its folder mark the same pixels \(200 of 500\)"):
        union(["a", "b"], [mask(0, 30), mask(10, 50)])


def test_files_of_different_sizes_are_named() -> None:
    with pytest.raises(DataError, match=r"b is 90 × 10 pixels, but a is 100 × 10"):
        union(["a", "b"], [mask(0, 5), mask(0, 5, width=90)])


def test_two_pixels_in_a_hundred_may_be_of_two_objects() -> None:
    assert (union(["a", "b"], [mask(0, 51), mask(49, 100)]).pixels == 255).all()
    with pytest.raises(DataError, match=r"30 of 1000"):
        union(["a", "b"], [mask(0, 51), mask(48, 100)])
