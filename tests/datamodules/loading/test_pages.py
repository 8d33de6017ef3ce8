"""Files of several pages are stacks of slices, each with the same page of the ground truth, together in the split."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from datamodules import DataError, PairedImages
from datamodules.loading.sources import FolderPairs


def write_stack(root: Path, name: str, pages: int, gt_pages: int | None = None) -> None:
    """Slice number n of the image holds the value n, and its ground truth n marked pixels in the first row."""
    for folder in ("images", "gt"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    images = np.arange(1, pages + 1, dtype=np.uint8)[:, None, None].repeat(12, 1).repeat(16, 2)
    marks = np.zeros((gt_pages or pages, 12, 16), np.uint8)
    for page in range(len(marks)):
        marks[page, 0, : page + 1] = 255
    tifffile.imwrite(root / "images" / f"{name}.tif", images, photometric="minisblack")
    tifffile.imwrite(root / "gt" / f"{name}.tif", marks, photometric="minisblack")


def found(root: Path, **settings: Any) -> PairedImages:
    data = PairedImages(
        str(root / "images"), str(root / "gt"), num_workers=0, image_size=None, batch_size=1, **settings
    )
    assert list(data.find_facts())
    data.check(every_gt=False)
    return data


def slices(data: PairedImages, side: int) -> list[tuple[str, int, int]]:
    """Name of the file, value of the image and number of marked pixels of each slice of a side."""
    parts = data.run_pairs.partition
    source = (parts.training, parts.validation)[side]
    assert isinstance(source, FolderPairs)
    seen = []
    for index in range(len(source)):
        image, labels, _ = source.load(index)
        name = Path(source.image_file(index)).stem
        seen.append((name, round(float(image.max()) * 255), int((labels > 0).sum())))
    return seen


def test_each_page_is_a_pair_with_the_same_page_of_the_ground_truth(tmp_path: Path) -> None:
    for number in range(4):
        write_stack(tmp_path, f"s{number}", 5 + number)
    data = found(tmp_path)
    both = slices(data, 0) + slices(data, 1)
    assert len(both) == 5 + 6 + 7 + 8
    assert all(value == marked for _, value, marked in both)
    assert len({(name, value) for name, value, _ in both}) == len(both)


def test_the_pages_of_a_file_are_together_in_the_split(tmp_path: Path) -> None:
    for number in range(6):
        write_stack(tmp_path, f"s{number}", 4)
    data = found(tmp_path, val_fraction=0.4)
    training, validation = ({name for name, _, _ in slices(data, side)} for side in (0, 1))
    assert training
    assert validation
    assert not training & validation


def test_of_a_single_stack_slices_in_a_row_validate(tmp_path: Path) -> None:
    write_stack(tmp_path, "only", 10)
    assert [value for _, value, _ in slices(found(tmp_path, val_fraction=0.3), 1)] == [8, 9, 10]
    assert [value for _, value, _ in slices(found(tmp_path, fold="2/5"), 1)] == [3, 4]


def test_another_number_of_pages_in_the_ground_truth_is_an_error_with_all_files(tmp_path: Path) -> None:
    write_stack(tmp_path, "right", 4)
    write_stack(tmp_path, "wrong", 4, gt_pages=3)
    write_stack(tmp_path, "flat", 4, gt_pages=1)
    with pytest.raises(DataError, match=r"2 images have another number of pages") as error:
        found(tmp_path)
    assert "wrong.tif: 4" in str(error.value)
    assert "flat.tif: 4" in str(error.value)
    assert "right.tif" not in str(error.value)
