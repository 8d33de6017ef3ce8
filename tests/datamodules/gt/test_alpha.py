"""Transparency as ground truth."""

import numpy as np
import pytest

from datamodules.data_errors import DataError
from tests.helpers.drawn_gt import COLOURS, as_raster, blurred, decided, disc, masks, scenes


def test_transparency_that_carries_the_shape_is_read() -> None:
    rng = np.random.default_rng(2)
    photographs = [rng.integers(0, 256, (96, 96, 3)).astype(np.uint8) for _ in range(4)]
    for pixels in ([np.full((96, 96), 255, np.uint8)] * 4, photographs):
        rasters = [as_raster(one, alpha=blurred(mask)) for one, mask in zip(pixels, masks(), strict=True)]
        found = decided(rasters)
        assert (found.reading, found.num_classes) == ("alpha", 2)


def test_colours_that_say_the_same_as_transparency_are_read_and_others_are_a_doubt() -> None:
    maps = scenes([1, 2, 3])
    opaque = [as_raster(COLOURS[scene], alpha=np.where(scene, 255, 0).astype(np.uint8)) for scene in maps]
    assert decided(opaque).num_classes == 4
    other = [raster._replace(alpha=np.where(disc(96, 40, 40, 20), 255, 0).astype(np.uint8)) for raster in opaque]
    with pytest.raises(DataError, match=r"(?s)different shapes.*gt_reading alpha.*gt_reading colours"):
        decided(other)
    plain = [raster._replace(alpha=np.full((96, 96), 128, np.uint8)) for raster in opaque]
    assert decided(plain).reading == "colours"
