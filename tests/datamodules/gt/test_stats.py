import json

import numpy as np
import pytest

from datamodules.gt.stats import GtStats, statistics
from tests.helpers.drawn_gt import Map, as_raster, blurred, disc

MASK = np.where(disc(40, 20, 20, 10), 255, 0).astype(np.uint8)
RED = np.dstack([MASK, MASK * 0, MASK * 0])


def test_counts_are_those_of_numpy_in_every_form() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.uint16, np.int32, np.uint32, np.float32, np.float64):
        pixels = rng.integers(0, 200, (31, 17)).astype(dtype)
        values, counts = np.unique(pixels, return_counts=True)
        found = statistics(as_raster(pixels))
        assert found.counts == tuple(zip(values.astype(int).tolist(), counts.tolist(), strict=True)), dtype
        assert (found.distinct, found.zeros) == (len(values), int((pixels == 0).sum()))
    found = statistics(as_raster(np.array([[-1, 70000, -1]], np.int32)))
    assert (found.counts, found.lowest, found.highest, found.scale) == (((-1, 2), (70000, 1)), -1, 70000, 0)


def test_colours_and_palettes_are_counted_by_code() -> None:
    inside, all_ = int((MASK > 0).sum()), MASK.size
    found = statistics(as_raster(RED))
    assert (found.form, found.counts) == ("colour", ((0, all_ - inside), (0xFF0000, inside)))
    found = statistics(as_raster(np.repeat(MASK[..., None], 3, -1)))
    assert (found.form, found.channels, found.counts[1]) == ("grey", 3, (255, inside))
    palette = np.array([[9, 8, 7], [0, 0, 0], [1, 1, 1]], np.uint8)
    found = statistics(as_raster(MASK // 255, palette=palette))
    assert (found.form, found.palette, found.zeros) == ("palette", ((0, 0x090807), (1, 0)), inside)


def test_a_fringe_is_between_the_bands_and_not_flat_while_an_area_is_flat() -> None:
    fringe = statistics(as_raster(blurred(MASK)))
    assert fringe.low + fringe.high < fringe.pixels
    assert fringe.flat_between < 0.05 * (fringe.pixels - fringe.low - fringe.high)
    area = statistics(as_raster(np.where(disc(40, 20, 20, 14) & (MASK == 0), 128, MASK).astype(np.uint8)))
    middle = area.pixels - area.low - area.high
    assert middle == int((disc(40, 20, 20, 14) & (MASK == 0)).sum())
    assert area.flat_between > 0.4 * middle


def test_transparency_is_summed_up_unless_it_is_solid_everywhere() -> None:
    assert statistics(as_raster(RED, alpha=np.full_like(MASK, 255))).alpha is None
    same = statistics(as_raster(RED, alpha=MASK)).alpha
    assert same is not None
    assert (same.lowest, same.highest, same.separates) == (0, 255, True)
    assert same.clear + same.solid == 1
    other = statistics(as_raster(RED, alpha=np.roll(MASK, 9, 0))).alpha
    assert other is not None
    assert not other.separates


@pytest.mark.parametrize(
    "pixels",
    [MASK, RED, blurred(MASK).astype(np.float32) / 255, np.full((3, 3), np.nan), np.zeros((4, 4, 2), np.uint8),
     np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8), np.zeros((0, 0), np.uint8)],
)  # fmt: skip
def test_statistics_come_back_from_json_exactly(pixels: Map) -> None:
    found = statistics(as_raster(pixels, alpha=MASK if pixels is RED else None))
    assert GtStats.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_foreign_json_is_refused() -> None:
    plain = statistics(as_raster(RED, alpha=MASK)).to_json()
    for foreign in ("x", None, [[1]], [[1, True]], 1j):
        for position, name in enumerate(GtStats._fields):
            if (name, foreign) in (("alpha", None), ("form", "x")):
                continue
            with pytest.raises((TypeError, ValueError)):
                GtStats.from_json([*plain[:position], foreign, *plain[position + 1 :]])
    with pytest.raises(TypeError):
        GtStats.from_json([*plain, 1])


def test_the_bands_end_at_an_eighth_of_the_range() -> None:
    found = statistics(as_raster(np.array([[0, 31, 32, 128, 223, 224, 255]], np.uint8)))
    assert (found.low, found.high) == (2, 2)


def test_the_counts_of_at_most_256_numbers_are_kept() -> None:
    assert len(statistics(as_raster(np.arange(256).reshape(1, -1))).counts) == 256
    assert statistics(as_raster(np.arange(257).reshape(1, -1))).counts == ()


def test_of_many_colours_the_32_largest_groups_are_kept() -> None:
    codes = np.arange(4096).repeat(2)[:8190]
    pixels = np.stack([codes >> 8 << 4, codes >> 4 & 15 << 0, codes & 15], -1).astype(np.uint8) * [1, 16, 16]
    found = statistics(as_raster(pixels.astype(np.uint8).reshape(90, 91, 3)))
    assert len(found.clusters) == 32


def test_one_colourful_pixel_in_a_hundred_keeps_colours_from_being_grey() -> None:
    for pixels, scale in ((100, 255.0), (99, 0.0)):
        row = np.zeros((1, pixels, 3), np.uint8)
        row[0, 0], row[0, 1] = (255, 0, 0), 255
        assert statistics(as_raster(row)).scale == scale
