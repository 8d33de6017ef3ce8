from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from datamodules.gt.labels import ClassMapping
from datamodules.gt.stats import statistics
from datamodules.loading.sources import FolderPairs, ReadSettings
from datamodules.pairing.packed_names import Pair, Pairs
from datamodules.report.class_counts import IGNORED, UNKNOWN, class_counts
from datamodules.report.class_names import class_label


def counts(
    folder: Path, pixels: npt.NDArray[np.uint8], reading: str, mapping: ClassMapping, threshold: float | None = None
) -> dict[int, int] | None:
    Image.fromarray(pixels).save(folder / "a.png")
    how = ReadSettings(gt_reading=reading, gt_threshold=threshold)
    source = FolderPairs(str(folder), str(folder), Pairs.of([Pair("a", "a.png", "a.png")]), how)
    found = class_counts(source, 0, statistics(source.gt_raster(0)), mapping)
    return None if found is None else dict(found.classes)


GREY = np.array([[0, 1, 2, 2], [3, 255, 255, 200]], np.uint8)


def test_each_code_counts_for_its_class_and_others_apart(tmp_path: Path) -> None:
    mapping = ClassMapping(3, [0, [1, 3], 2], 255)
    assert counts(tmp_path, GREY, "values", mapping) == {0: 1, 1: 2, 2: 2, IGNORED: 2, UNKNOWN: 1}


@pytest.mark.parametrize(
    ("reading", "threshold", "expected"),
    [("nonzero", None, {0: 1, 1: 7}), ("threshold", 128.0, {0: 5, 1: 3}), ("threshold", 2.5, {0: 4, 1: 4})],
)
def test_two_classes_are_counted_by_the_reading(
    tmp_path: Path, reading: str, threshold: float | None, expected: dict[int, int]
) -> None:
    assert counts(tmp_path, GREY, reading, ClassMapping(2, None, None), threshold) == expected


def test_transparency_is_counted_from_the_pixels(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[1:3, 1:3, 3] = 255
    assert counts(tmp_path, pixels, "alpha", ClassMapping(2, None, None)) == {0: 12, 1: 4}


def test_ground_truth_that_cannot_be_read_like_this_is_not_counted(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert counts(tmp_path, colours, "values", ClassMapping(2, None, None)) is None
    assert counts(tmp_path, colours, "threshold", ClassMapping(2, None, None), 9.0) is None


def test_a_class_is_called_by_its_name_or_by_the_values_that_occur() -> None:
    mapping = ClassMapping(2, None, None)
    assert class_label(1, mapping, ["ground", "cell"], "values", {0, 255}) == "cell"
    assert class_label(1, mapping, None, "values", {0, 255}) == "255"
    assert class_label(1, mapping, None, "values", ()) == "1, 255"
    assert class_label(1, mapping, None, "nonzero", {0, 1}) == "foreground"
    assert class_label(1, ClassMapping(2, ["#000000", "#ff8000"], None), None, "colours", ()) == "#ff8000"
    assert class_label(IGNORED, mapping, None, "values", ()) == "(not counted)"
