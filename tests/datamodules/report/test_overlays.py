import numpy as np
import pytest

from datamodules.reading.raster_form import Raster
from datamodules.report.overlays import (
    FILL,
    IGNORED_GREY,
    PALETTE,
    colour_of,
    fitted,
    overlay,
    resized_classes,
    resized_image,
    visible,
)


def test_a_class_has_a_full_contour_and_a_light_fill_and_the_first_one_nothing() -> None:
    classes = np.zeros((9, 9), np.int32)
    classes[2:7, 2:7] = 2
    drawn = overlay(np.full((9, 9, 3), 100, np.uint8), classes, [0, 1, 2], None)
    assert drawn[0, 0].tolist() == [100, 100, 100]
    assert tuple(drawn[2, 4]) == tuple(drawn[6, 6]) == PALETTE[1]
    assert drawn[4, 4].tolist() == [round(100 * (1 - FILL) + FILL * part) for part in PALETTE[1]]


def test_pixels_that_are_not_counted_are_hatched_so_that_the_image_shows_between() -> None:
    image = np.full((12, 12, 3), 10, np.uint8)
    drawn = overlay(image, np.full((12, 12), 255, np.int32), [0, 1], 255)
    grey = (drawn == IGNORED_GREY).all(axis=2)
    assert 0.2 < grey.mean() < 0.5
    assert (drawn[~grey] == 10).all()


def test_the_colours_of_thirty_classes_differ() -> None:
    assert len({colour_of(class_id) for class_id in range(31)}) == 31
    assert colour_of(0) is None


@pytest.mark.parametrize(
    ("size", "expected"), [((10, 20), (100, 200)), ((150, 120), (150, 120)), ((1000, 500), (206, 103))]
)
def test_small_pictures_grow_by_whole_numbers_and_large_ones_shrink(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fitted(size, 206) == expected
    image, classes = np.zeros((*size, 3), np.uint8), np.zeros(size, np.int32)
    classes[:, size[1] // 2 :] = 1
    assert resized_image(image, expected).shape == (*expected, 3)
    shown = resized_classes(classes, expected)
    assert shown.shape == expected
    assert shown.mean() == pytest.approx(0.5, abs=0.01)


def test_a_dark_image_of_16_bits_is_shown_over_the_whole_range() -> None:
    pixels = np.linspace(100, 400, 10_000).reshape(100, 100).astype(np.uint16)
    shown = visible(Raster(pixels))
    assert shown.shape == (100, 100, 3)
    assert shown.min() == 0
    assert shown.max() == 255
    assert shown.mean() == pytest.approx(127, abs=5)


def test_a_bright_image_of_8_bits_is_shown_as_it_is_and_upright() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(visible(Raster(pixels)), pixels)
    np.testing.assert_array_equal(visible(Raster(pixels, orientation=3)), pixels[::-1, ::-1])


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.full((4, 4), np.nan, np.float32)])
def test_an_image_of_one_value_is_shown(pixels: np.typing.NDArray[np.generic]) -> None:
    assert visible(Raster(pixels)).shape == (4, 4, 3)


def test_of_many_channels_the_first_three_are_shown_and_of_two_the_first() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 5), dtype=np.uint8)
    np.testing.assert_array_equal(visible(Raster(pixels)), pixels[:, :, :3])
    np.testing.assert_array_equal(visible(Raster(pixels[:, :, :2])), np.repeat(pixels[:, :, :1], 3, axis=2))
