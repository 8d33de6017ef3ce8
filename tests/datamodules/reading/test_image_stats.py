from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from datamodules.reading.image_stats import image_statistics
from datamodules.reading.raster_form import Raster


def test_extremes_and_their_pixels_are_exact_and_means_are_near() -> None:
    pixels = np.random.default_rng(0).integers(10, 200, (130, 257, 3), dtype=np.uint8)
    pixels[0, :7], pixels[129, 250:, 1] = 3, 255
    found = image_statistics(Raster(pixels))
    assert (found.channels, found.is_deep, found.lowest, found.highest) == (3, False, 3, 255)
    assert (found.values, found.at_lowest, found.at_highest) == (pixels.size, 21, 7)
    assert found.means == pytest.approx(pixels.mean(axis=(0, 1)).tolist(), abs=2)


def test_the_colours_of_a_palette_count_and_not_its_indices() -> None:
    palette = np.array([[9, 9, 9], [200, 0, 0]], np.uint8)
    found = image_statistics(Raster(np.eye(4, dtype=np.uint8), palette=palette))
    assert (found.channels, found.lowest, found.highest) == (3, 0, 200)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (40, 2, 5), (65, 70, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int32])
def test_images_of_all_shapes_and_types_have_a_small_picture(shape: tuple[int, ...], dtype: type) -> None:
    pixels: npt.NDArray[Any] = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = image_statistics(Raster(pixels))
    assert len(found.small) == 288
    assert found.highest == pixels.max()
    assert len(found.means) == (min(3, shape[2]) if len(shape) == 3 else 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_seen(value: float) -> None:
    found = image_statistics(Raster(np.array([[0.5, value]], np.float32)))
    assert not np.isfinite([found.lowest, found.highest]).all()
    assert found.small == b""
