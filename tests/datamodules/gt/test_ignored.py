from collections.abc import Sequence

import numpy as np
import pytest
from scipy import ndimage

from datamodules.gt.ignored import Void, has_border, ignored_of, void_of
from tests.helpers.drawn_gt import Generator, Map, as_raster, cells, decided, files


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 5, 15, 255], Void.IGNORED),  # three of the classes of VOC
        ([0, 7, 11, 255], Void.IGNORED),
        ([0, 7, 11, 26, 33, 255], Void.IGNORED),  # a street scene
        ([*range(19), 255], Void.IGNORED),
        ([0, 1, 65535], Void.IGNORED),
        ([*range(0, 183, 2), 255], Void.IGNORED),
        ([0, 1, 2**32 - 1], Void.IGNORED),
        ([0, 20, 255], Void.IGNORED),
        ([0, 21, 255], Void.UNCLEAR),
        ([*range(0, 64, 7), 63, 255], Void.IGNORED),
        ([*range(0, 65, 7), 64, 255], Void.CLASS),
        ([*range(0, 183, 3), 255], Void.CLASS),
        ([0, 26, 255], Void.UNCLEAR),
        ([0, 40, 255], Void.UNCLEAR),
        ([0, 50, 255], Void.CLASS),  # grey levels
        ([0, 128, 255], Void.CLASS),
        ([0, 32, 64, 96, 128, 159, 191, 223, 255], Void.CLASS),
        ([*range(0, 255, 8), 255], Void.CLASS),
        ([*range(0, 251, 10), 255], Void.CLASS),
        ([0, 255], Void.CLASS),
        ([0, 1, 2], Void.CLASS),
        ([0, 1, 254], Void.CLASS),
    ],
)
def test_the_largest_number_beside_small_ones_is_ignored(values: list[int], expected: Void) -> None:
    assert void_of(values) is expected


def test_negative_numbers_are_ignored() -> None:
    assert ignored_of([-2, -1, 0, 1]) == [-2, -1]
    assert ignored_of([-1, 0, 1, 2, 255]) == [-1, 255]
    assert ignored_of([0, 128, 255]) == []


def counted(*files: Sequence[int]) -> bool:
    """Whether 255 is the border in files of these values."""
    return has_border([dict.fromkeys((0, *values), 9) for values in files])


def bordered(rng: Generator) -> Map:
    """Numbered cells with a line of 255 around each, as VOC has around its objects."""
    labels = cells(rng, int(rng.integers(2, 9)))
    line = ndimage.binary_dilation(labels > 0, iterations=2) & (labels == 0)
    return np.where(line, 255, labels).astype(np.uint8)


def test_the_border_of_numbered_objects_is_ignored_and_all_their_numbers_are_foreground() -> None:
    palette = np.arange(256, dtype=np.uint8)[:, None] * np.array([1, 3, 7], np.uint8)
    found = decided([as_raster(one, palette=palette) for one in files(bordered, 6)])
    assert (found.reading, found.num_classes, found.ignore_index) == ("indices", 2, 255)
    assert found.class_values == [0, list(range(1, 255))]
    assert "255 is not counted, since it lies around them" in found.line
    assert decided(files(bordered, 6), reading="nonzero").ignore_index is None


def test_the_object_with_the_number_255_is_foreground() -> None:
    def crowd(rng: Generator) -> Map:
        places = np.zeros((16, 16), np.uint8)
        places.flat[: rng.choice([40, 255])] = 1
        cell = np.pad(np.ones((5, 5), np.uint8), 1)
        return np.kron(np.cumsum(places).reshape(16, 16) * places, cell).astype(np.uint8)

    found = decided(files(crowd, 6))
    assert (found.reading, found.ignore_index) == ("nonzero", None)


def test_a_border_is_in_nearly_all_files_and_far_above_the_numbers_of_the_objects() -> None:
    few = (1, 2, 3, 255)
    assert counted(*[few] * 9, (1, 2))  # an object of this file fills it
    assert not counted(*[few] * 8, (1, 2), (1, 2))
    assert counted(*[few] * 5, (), (), ())  # files without an object have no border
    assert counted(few, (*range(1, 128), 255))
    assert not counted(few, (*range(1, 129), 255))
    assert not counted((255,), (0, 255))
    assert not counted((1, 300, 255))
