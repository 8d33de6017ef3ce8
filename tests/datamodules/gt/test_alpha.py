"""Transparency as ground truth."""

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.gt.alpha import carries_shape
from datamodules.gt.stats import AlphaStats, GtStats
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


def file(clear: float | None = 0.5, solid: float = 0.5, distinct: int = 1) -> GtStats:
    """A file with such transparency, and so many colours, on clear and solid pixels alike."""
    alpha = None if clear is None else AlphaStats(0, 255, clear, solid, False)
    return GtStats("grey", 8, 1, 100, distinct=distinct, counts=((0, 50), (1, 50)), alpha=alpha)


def test_transparency_that_is_clear_or_solid_for_nine_tenths_is_a_shape() -> None:
    assert [carries_shape([file(0.5, solid)] * 4) for solid in (0.4, 0.39)] == [True, False]


def test_half_of_the_files_have_to_be_transparent() -> None:
    assert [carries_shape([file()] * count + [file(None)] * (10 - count)) for count in (5, 4)] == [True, False]


def test_nine_tenths_of_the_files_have_to_be_without_a_shape_in_colours() -> None:
    assert carries_shape([file()] * 9 + [file(distinct=2)])
    with pytest.raises(DataError, match="different shapes"):
        carries_shape([file()] * 8 + [file(distinct=2)] * 2)
