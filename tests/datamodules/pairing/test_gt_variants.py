from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from datamodules.pairing.gt_variants import first_of_labels

CLASSES = np.arange(64).reshape(8, 8) // 16
# From the best to the worst; Pillow alone cannot open the second and the third.
KINDS: dict[str, npt.NDArray[np.generic]] = {
    "classes": CLASSES.astype(np.uint8),
    "classes as floats": CLASSES.astype(np.float64),
    "fractions": CLASSES / 7,
    "colours": np.repeat(CLASSES[..., None], 3, -1).astype(np.uint8) * np.array([1, 2, 3], np.uint8),
    "no image": np.zeros(0, np.uint8),
}


@pytest.mark.parametrize("best", range(4))
def test_class_numbers_go_before_all_else_whoever_reads_them(tmp_path: Path, best: int) -> None:
    files = [tmp_path / f"{len(KINDS) - place}.tif" for place in range(len(KINDS))]  # the best one is the last by name
    for file, pixels in zip(files, KINDS.values(), strict=True):
        file.write_bytes(b"nothing")
        if pixels.size:
            tifffile.imwrite(file, pixels)
    assert first_of_labels([str(file) for file in files[best:]]) == 0


def test_of_equal_kinds_the_first_is_taken_as_people_count(tmp_path: Path) -> None:
    files = [str(tmp_path / f"a_{number}ndHO.tif") for number in (10, 2)]
    for file in files:
        tifffile.imwrite(file, CLASSES.astype(np.uint8))
    assert first_of_labels(files) == 1


def test_more_than_64_numbers_are_no_classes(tmp_path: Path) -> None:
    for name, count in (("a.tif", 65), ("b.tif", 64)):
        tifffile.imwrite(tmp_path / name, np.arange(65, dtype=np.uint8).clip(0, count - 1).reshape(5, 13))
    assert first_of_labels([str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]) == 1
