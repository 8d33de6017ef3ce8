from typing import Any

import pytest

from datamodules.data_errors import DataError
from datamodules.settings import check_classes, check_folders_named, check_loading

VALID: dict[str, Any] = {
    "batch_size": 8,
    "num_workers": 0,
    "image_size": 64,
    "val_fraction": 0.2,
    "sample_pairs": 9,
}


@pytest.mark.parametrize(("arguments", "message"), [
    ((1, None, None), r"num_classes is 1; it must be from 2"),
    ((3, [0, 1], None), r"class_values \[0, 1\]: expected one value per class \(--data.num_classes 3\)"),
    ((2, [7, 7], None), r"\[7, 7\]: a value occurs twice"),
    ((2, [0, 16777216], None), r"\[0, 16777216\]: each value must be from 0 to 16777215"),
    ((2, [0, 255], 255), r"a class cannot have the value of --data.ignore_index \(255\)"),
    ((3, None, 1), r"ignore_index 1 is also a class id \(0 to 2\)"),
    ((2, None, -1), r"ignore_index is -1"),
])  # fmt: skip
def test_invalid_class_settings_are_an_error(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_classes(*arguments)


@pytest.mark.parametrize("arguments", [(2, None, None), (2, None, 255), (3, [0, 128, 255], 7), (3, [5, 6, 7], 255)])
def test_valid_class_settings_pass(arguments: tuple[Any, ...]) -> None:
    check_classes(*arguments)


@pytest.mark.parametrize("changed", [
    {"batch_size": 0}, {"num_workers": -1}, {"image_size": 0}, {"image_size": [1, 2, 3]}, {"image_size": []},
    {"val_fraction": 0.0}, {"val_fraction": 1.0}, {"sample_pairs": 1},
    {"num_workers": 100_000}, {"image_size": 10**6}, {"image_size": [64, 10**6]}, {"sample_pairs": 10**9},
])  # fmt: skip
def test_an_invalid_loading_setting_is_named(changed: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(changed))):
        check_loading(**VALID | changed)


@pytest.mark.parametrize("image_size", [1, [32, 64], [32], None])
def test_valid_image_sizes_pass(image_size: int | list[int] | None) -> None:
    check_loading(**VALID | {"image_size": image_size})


def test_all_problems_are_reported_in_one_error() -> None:
    with pytest.raises(DataError, match=r"(?s)batch_size is 0.*val_fraction is 2"):
        check_loading(**VALID | {"batch_size": 0, "val_fraction": 2.0})


@pytest.mark.parametrize(("folders", "message"), [
    (("a", None, None, None), "Set both folders"),
    ((None, "b", None, None), "Set both folders"),
    (("a", "b", "c", None), "val_gt_path is None"),
    ((None, None, "c", "d"), "without --image_path"),
])  # fmt: skip
def test_folders_that_are_not_set_in_pairs_are_an_error(folders: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_folders_named(*folders)
