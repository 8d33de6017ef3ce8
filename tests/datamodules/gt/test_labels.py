import pickle

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.gt.labels import ClassMapping, values_of


def row(*values: int, dtype: type = np.uint8) -> np.ndarray[tuple[int, ...], np.dtype[np.integer]]:
    return np.array([values], dtype=dtype)


@pytest.mark.parametrize(("values", "classes"), [((0, 255), (0, 1)), ((0, 1), (0, 1)), ((255,), (1,)), ((0,), (0,))])
def test_with_two_classes_1_or_255_is_the_second_class(values: tuple[int, ...], classes: tuple[int, ...]) -> None:
    mapping = ClassMapping(2, None, None)
    assert mapping.fits(values)
    assert mapping.target(row(*values), "a.png")[0].tolist() == list(classes)


def test_both_1_and_255_in_one_file_are_an_error() -> None:
    mapping = ClassMapping(2, None, None)
    assert not mapping.fits([0, 1, 255])
    with pytest.raises(DataError, match=r"a\.png holds 0, 1, 255 \(both 1 and 255 would be class 1\)"):
        mapping.target(row(0, 1, 255), "a.png")


def test_with_more_classes_the_values_are_the_class_ids() -> None:
    assert ClassMapping(4, None, None).target(row(3, 0, 2), "")[0].tolist() == [3, 0, 2]


def test_class_values_are_mapped_in_their_order() -> None:
    mapping = ClassMapping(3, [10, 300, 65535], None)
    assert mapping.class_ids == {10: 0, 300: 1, 65535: 2}
    assert mapping.target(row(65535, 10, 300, dtype=np.uint16), "")[0].tolist() == [2, 0, 1]


def test_ignored_pixels_keep_their_value_and_have_no_class() -> None:
    mapping = ClassMapping(2, None, 255)
    assert mapping.target(row(0, 1, 255), "")[0].tolist() == [0, 1, 255]
    assert 255 not in mapping.class_ids


@pytest.mark.parametrize("stray", [2, 300, 70000, -1])
def test_for_a_value_of_no_class_the_error_names_file_values_and_settings(stray: int) -> None:
    mapping = ClassMapping(2, None, None)
    assert not mapping.fits([0, stray])
    with pytest.raises(
        DataError, match=rf"(?s)gt/a\.png holds .*{stray}.*Expected: 0, 1, 255\. Set --data\.num_classes"
    ):
        mapping.target(row(0, stray, dtype=np.int32), "gt/a.png")


def test_many_values_are_shortened_and_jpeg_is_named_as_the_reason() -> None:
    line = ClassMapping(2, None, None).problem("a.JPG", range(48))
    shown = "0, 1, 2, 3, 4, 5, 6, 7 and 40 more"
    assert line == f"a.JPG holds {shown} (JPEG changes values; save ground truth as PNG)"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_distinct_values_are_found_in_every_integer_type(dtype: type) -> None:
    assert values_of(row(7, 0, 7, 200, dtype=dtype)) == [0, 7, 200]


def test_colours_are_class_values_and_are_named_as_such() -> None:
    mapping = ClassMapping(2, ["#ffffff", "#0000ff"], 255, ["#ff0000"])
    assert mapping.class_ids == {0xFFFFFF: 0, 255: 1}  # blue is a class although its code is that of ignore_index
    labels = row(0xFFFFFF, 255, 0xFF0000, dtype=np.int32)
    assert mapping.target(labels, "")[0].tolist() == [0, 1, 255]
    with pytest.raises(DataError, match=r"(?s)a\.png holds #000000, #0000ff.*Expected: #0000ff, #ffffff\."):
        mapping.target(row(0, 255, dtype=np.int32), "a.png")
    with pytest.raises(DataError, match="'red' is no colour"):
        ClassMapping(2, ["#ffffff", "red"], None)


def test_several_codes_are_one_class() -> None:
    mapping = ClassMapping(2, [0, [5, 7]], None)
    assert mapping.target(row(7, 0, 5), "")[0].tolist() == [1, 0, 1]
    assert ClassMapping(2, ["#000000", ["#000001", "#000002"]], None).class_ids == {0: 0, 1: 1, 2: 1}


def test_negative_and_huge_codes_can_be_ignored() -> None:
    mapping = ClassMapping(2, [0, 3], 255, [-1, 2**32 - 1])
    labels = row(-1, 3, 2**32 - 1, 0, 255, dtype=np.int64)
    assert mapping.fits([-1, 0, 3, 255])
    assert mapping.target(labels, "")[0].tolist() == [255, 1, 255, 0, 255]
    with pytest.raises(DataError, match="holds -2, -1"):
        mapping.target(row(-1, -2, dtype=np.int8), "")


def test_the_one_of_two_foreground_codes_that_is_ignored_is_no_class() -> None:
    mapping = ClassMapping(2, None, 254, [255])
    assert mapping.target(row(0, 1, 255), "")[0].tolist() == [0, 1, 254]


def test_a_mapping_is_small_on_its_way_to_a_worker_although_white_is_a_class() -> None:
    mapping = ClassMapping(2, ["#000000", "#ffffff"], None)
    labels = row(0, 0xFFFFFF, dtype=np.int32)
    assert mapping.target(labels, "")[0].tolist() == [0, 1]
    packed = pickle.dumps(mapping)
    assert len(packed) < 1000
    assert pickle.loads(packed).target(labels, "")[0].tolist() == [0, 1]


def test_an_empty_picture_has_an_empty_target() -> None:
    assert ClassMapping(2, None, None).target(np.zeros((0, 4), np.uint8), "").shape == (0, 4)
