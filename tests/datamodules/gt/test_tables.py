"""Palettes and colours: by index or by colour, and which of them carry the meaning."""

from typing import Any

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.gt.stats import GtStats
from datamodules.gt.tables import table_of
from tests.helpers.drawn_gt import (
    COLOURS,
    Generator,
    Map,
    as_raster,
    blurred,
    cells,
    decided,
    disc,
    files,
    scenes,
)


def with_palette(indices: Map, palette: Map) -> Any:
    return as_raster(indices, palette=palette)


def test_one_palette_for_all_files_gives_its_indices_with_255_ignored() -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[:5], palette[255] = COLOURS, (224, 224, 192)
    void = disc(96, 40, 40, 5)
    maps = [with_palette(np.where(void, 255, scene).astype(np.uint8), palette) for scene in scenes([1, 3, 4])]
    found = decided(maps)
    assert (found.reading, found.class_values, found.ignore_index) == ("indices", [0, 1, 3, 4], 255)


def test_palettes_in_another_order_give_their_colours() -> None:
    maps = [
        with_palette(scene, COLOURS) if number % 2 else with_palette(4 - scene, COLOURS[::-1])
        for number, scene in enumerate(scenes([1, 2, 3, 4]))
    ]
    found = decided(maps)
    assert found.reading == "colours"
    assert found.class_values == ["#000000", "#00008e", "#464646", "#804080", "#dc143c"]


def test_grey_palettes_give_grey_levels_where_a_file_lacks_one() -> None:
    three, two = np.array([[0] * 3, [128] * 3, [255] * 3], np.uint8), np.array([[0] * 3, [255] * 3], np.uint8)
    maps = [with_palette(scene, three) for scene in scenes([1, 2])] + [
        with_palette(scene, two) for scene in scenes([1], 2)
    ]
    found = decided(maps)
    assert (found.reading, found.class_values) == ("values", [0, 128, 255])


def test_palettes_of_random_colours_give_indices() -> None:
    rng = np.random.default_rng(0)
    maps = []
    for scene in scenes([1, 2, 3]):
        palette = rng.integers(0, 256, (4, 3)).astype(np.uint8)
        palette[0] = 0
        maps.append(with_palette(scene, palette))
    assert decided(maps).reading == "indices"
    with pytest.raises(DataError, match=r"(?s)palettes differ.*gt_reading colours.*gt_reading indices"):
        decided([*maps[:1], with_palette(scenes([1])[1], 255 - maps[0].palette)])


def test_colours_are_classes_with_black_first() -> None:
    maps = [COLOURS[scene] for scene in scenes([1, 2, 3, 4])]
    found = decided([as_raster(pixels, alpha=np.full((96, 96), 255, np.uint8)) for pixels in maps])
    assert found.reading == "colours"
    assert found.class_values == ["#000000", "#00008e", "#464646", "#804080", "#dc143c"]
    assert "(colours)" in found.line
    grey_file = np.where(scenes([1])[0], 70, 0).astype(np.uint8)
    assert decided([*maps, grey_file]).class_values == found.class_values


def test_smoothed_colours_are_refused_with_the_main_ones() -> None:
    maps = [
        np.stack([blurred(COLOURS[scene][..., channel]) for channel in range(3)], -1) for scene in scenes([1, 3, 4])
    ]
    with pytest.raises(DataError, match=r"(?s)colours of the ground truth are mixed.*#000000.*as PNG"):
        decided(maps)


def test_objects_of_random_colours_are_foreground() -> None:
    def coloured(rng: Generator) -> Map:
        palette = rng.integers(20, 256, (40, 3)).astype(np.uint8)
        palette[0] = 0
        return np.asarray(palette[cells(rng, int(rng.integers(3, 15)))])

    assert decided(files(coloured, 5)).reading == "nonzero"
    assert decided(files(coloured, 30)).reading == "nonzero"


# --- where each threshold lies


def palette_file(*used: tuple[int, int]) -> GtStats:
    """A file of black at the index 0, and of these indices with their colours."""
    palette = ((0, 0), *used)
    counts = tuple((index, 10) for index, _ in palette)
    return GtStats("palette", 8, 1, 10 * len(palette), distinct=len(palette), counts=counts, palette=palette)


def reading_of(colours_again: int, files: int = 20) -> str:
    """What tells classes apart, where the index 1 has another colour in each file, but for so many that share one."""
    colours = [0xFF00 if number < colours_again else 0x10000 + number for number in range(files)]
    try:
        return table_of([palette_file((1, colour)) for colour in colours]).reading
    except DataError:
        return "doubt"


def test_colours_of_which_half_come_again_are_classes() -> None:
    assert [reading_of(again) for again in (10, 9)] == ["colours", "doubt"]


def test_indices_are_classes_where_hardly_a_colour_of_many_comes_again() -> None:
    assert [reading_of(again, 40) for again in (3, 4)] == ["indices", "doubt"]
    assert [reading_of(0, files) for files in (5, 4)] == ["indices", "doubt"]
