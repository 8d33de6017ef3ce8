"""What is decided about ground truth in the forms of public sets, and about the counter-examples of each rule."""

import numpy as np
import pytest

from datamodules.data_errors import DataError
from tests.helpers.drawn_gt import (
    COLOURS,
    Generator,
    Map,
    blurred,
    cells,
    decided,
    disc,
    files,
    masks,
    organs,
    regions,
    scenes,
)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [((0, 255), np.uint8), ((0, 1), np.uint8), ((0, 7), np.uint8), ((0, 65535), np.uint16), ((1, 2), np.uint8),
     ((0, 1), np.float64), ((0, 255), np.float32)],
)  # fmt: skip
def test_two_values_are_background_and_foreground(values: tuple[int, int], dtype: type) -> None:
    maps: list[Map] = [np.where(mask, values[1], values[0]).astype(dtype) for mask in masks()]
    found = decided(maps)
    assert (found.reading, found.class_values, found.num_classes) == ("values", list(values), 2)
    assert found.line == (
        f"Ground truth: {values[0]} and {values[1]} are background and foreground (4 files; --data.gt_reading, "
        "--data.class_values)"
    )


def test_files_of_0_and_1_beside_files_of_0_and_255_are_one_meaning() -> None:
    empty, full = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    found = decided([*masks(2, 1), *masks(3, 255), empty, full])
    assert (found.reading, found.class_values, found.ignore_index, found.num_classes) == ("values", None, None, 2)
    assert "1 (in 2 files) and 255 (in 4 files)" in found.line


def test_where_files_mix_1_and_255_the_latter_is_ignored() -> None:
    with_border = files(lambda rng: np.where(regions(rng, [2]) > 0, 255, regions(rng, [1])).astype(np.uint8), 3)
    found = decided([*with_border, *masks(1, 1)])
    assert (found.class_values, found.ignore_index, found.num_classes) == ([0, 1], 255, 2)


def test_one_file_that_mixes_1_and_255_among_many_of_0_and_255_is_a_doubt() -> None:
    mixed = np.array([[0, 1, 255]] * 3, dtype=np.uint8)
    with pytest.raises(DataError, match=r"(?s)1 of 10 files hold.*--data\.ignore_index 255.*--data\.class_values"):
        decided([mixed, *masks(9)])


def test_whole_numbers_are_classes_in_rising_order() -> None:
    assert decided(scenes()).class_values == list(range(12))
    sparse = [(scene * 23).astype(np.uint8) for scene in scenes()]
    assert decided(sparse).class_values == list(range(0, 254, 23))
    assert decided([scene.astype(np.float64) for scene in scenes()]).num_classes == 12
    assert decided([np.repeat(scene[..., None], 3, axis=-1) for scene in scenes()]).reading == "values"


def test_255_beside_numbers_of_classes_is_ignored_and_so_is_minus_1() -> None:
    void = disc(96, 40, 40, 20)
    found = decided([np.where(void, 255, scene).astype(np.uint8) for scene in scenes()])
    assert (found.ignore_index, found.ignored_values, found.num_classes) == (255, [], 12)
    assert "255 is not counted (14 % of the pixels; --data.ignore_index)" in found.line
    found = decided([np.where(void, -1, scene.astype(np.int32)) for scene in scenes()])
    assert (found.ignore_index, found.ignored_values, found.num_classes) == (255, [-1], 12)


def test_a_number_that_may_be_a_class_or_ignored_is_a_doubt_with_both_flags() -> None:
    maps = [np.where(disc(96, 40, 40, 20), 255, scene * 26).astype(np.uint8) for scene in scenes([1])]
    with pytest.raises(DataError, match=r"(?s)--data\.ignore_index 255.*--data\.class_values \[0, 26, 255\]"):
        decided(maps)
    assert decided(maps, ignore_index=255).class_values == [0, 26]
    assert decided(maps, class_values=[0, 26, 255]).num_classes == 3


# --- objects


def test_numbered_objects_are_foreground_in_8_and_16_bit() -> None:
    few = files(lambda rng: cells(rng, int(rng.integers(2, 13))), 6)
    found = decided(few)
    assert (found.reading, found.class_values, found.num_classes) == ("nonzero", [0, 1], 2)
    assert "100 % of 46 areas are one piece, 2–11 of them in a file" in found.line
    many = files(lambda rng: cells(rng, 40, dtype=np.uint16, first=int(rng.integers(1, 500))), 3)
    assert decided(many).reading == "nonzero"


def test_objects_of_the_crop_of_a_larger_map_are_foreground() -> None:
    whole = cells(np.random.default_rng(3), 60, 200)
    assert decided([whole[top : top + 90, 40:140] for top in (0, 50, 100)]).reading == "nonzero"


def test_objects_that_hide_parts_of_others_are_foreground() -> None:
    def leaves(rng: Generator) -> Map:
        labels = np.zeros((96, 96), np.uint8)
        for number in range(1, int(rng.integers(3, 11))):
            row, column = rng.uniform(15, 80, 2)
            labels[disc(96, row, column, rng.uniform(8, 14), rng.uniform(0.5, 2))] = number
            labels[disc(96, row, column, 3)] = 0
        return np.asarray(np.searchsorted(np.unique(labels), labels).astype(np.uint8))

    assert decided(files(leaves, 8)).reading == "nonzero"


def test_few_objects_that_may_be_classes_are_a_doubt_with_both_flags() -> None:
    maps = files(lambda rng: cells(rng, int(rng.integers(1, 4))), 8)
    with pytest.raises(DataError, match=r"(?s)gt_reading values.*gt_reading nonzero"):
        decided(maps)
    assert decided(maps, reading="nonzero").num_classes == 2
    assert decided(maps, num_classes=4).class_values == [0, 1, 2, 3]


def test_classes_of_one_piece_each_stay_classes_if_their_areas_tell_them_apart() -> None:
    face = files(lambda rng: organs(rng, [14, 3, 3, 4, 6, 10]), 8)
    assert decided(face).num_classes == 7


def test_a_class_within_another_and_the_same_few_numbers_in_every_file_are_classes() -> None:
    def cup(rng: Generator) -> Map:
        row, column = rng.uniform(40, 56, 2)
        inner = disc(96, row, column, rng.uniform(5, 20))
        return np.where(inner, 2, disc(96, row, column, 28)).astype(np.uint8)

    assert decided(files(cup, 4)).class_values == [0, 1, 2]
    assert decided(files(lambda rng: cells(rng, 2), 4)).class_values == [0, 1, 2]


def test_one_number_in_each_file_is_its_class() -> None:
    assert decided([disc(96, 40, 40, 20) * np.uint8(value) for value in (2, 1, 2, 3, 3)]).class_values == [0, 1, 2, 3]


def test_cell_types_stay_classes_but_colours_that_keep_cells_apart_mean_nothing() -> None:
    def types(rng: Generator) -> Map:
        kinds = np.concatenate([[0], rng.choice([1, 2, 3], 40, p=[0.6, 0.3, 0.1])])
        return np.asarray(kinds[cells(rng, 25, 128)].astype(np.uint8))

    assert decided(files(types, 6)).class_values == [0, 1, 2, 3]

    def painted(rng: Generator) -> Map:
        labels = np.zeros((128, 128, 3), np.uint8)
        for row in range(10, 110, 25):
            for column in range(10, 110, 25):
                labels[disc(128, row, column, 7), 0] = 1
                if rng.random() < 0.3:
                    labels[disc(128, row + 12, column, 5), 0] = 2
        if rng.random() < 0.5:
            labels[:, :, 0][labels[:, :, 0] == 2] = 0
        return labels

    found = decided(files(painted, 8))
    assert found.reading == "nonzero"
    assert "keep objects apart" in found.line


def test_more_than_64_classes_are_a_doubt_and_can_be_said() -> None:
    maps = files(lambda rng: regions(rng, rng.choice(150, 25, replace=False).tolist(), 128), 12)
    with pytest.raises(DataError, match=r"(?s)more than the 64.*gt_reading values.*gt_reading nonzero"):
        decided(maps)
    found = decided(maps, num_classes=150)
    assert found.class_values == list(range(150))
    assert "never found" not in found.line or found.num_classes == 150


def test_boundaries_between_pets_and_background_without_any_0_are_three_classes() -> None:
    trimaps = [np.where(mask, 1, 2).astype(np.uint8) for mask in masks()]
    for trimap in trimaps:
        trimap[:, 1:][trimap[:, 1:] != trimap[:, :-1]] = 3
    assert decided(trimaps).class_values == [1, 2, 3]


# --- what cannot be used


def test_pictures_are_said_to_be_pictures() -> None:
    rng = np.random.default_rng(4)
    smooth = [blurred(rng.integers(30, 200, (96, 96)).astype(np.uint8)) for _ in range(3)]
    colour = [np.dstack([picture, picture // 2, 255 - picture]) for picture in smooth]
    for maps in (smooth, colour, [picture.astype(np.float32) / 255 for picture in smooth]):
        with pytest.raises(DataError, match=r"looks like images.*the colour of their class"):
            decided(maps)


def test_a_set_of_one_class_is_refused() -> None:
    for value in (0, 255):
        with pytest.raises(DataError, match=rf"all pixels are {value} in 3 files; there is nothing to learn"):
            decided([np.full((9, 9), value, np.uint8)] * 3)
    with pytest.raises(DataError, match="all pixels are background"):
        decided([np.zeros((9, 9), np.uint8)] * 3, reading="nonzero")


def test_nan_and_wrong_channels_are_named() -> None:
    with pytest.raises(DataError, match=r"1 of 2 files hold values that are not finite"):
        decided([np.array([[0.0, np.nan]]), np.array([[0.0, 1.0]])])
    with pytest.raises(DataError, match=r"1 of 1 files have 5 channels"):
        decided([np.zeros((4, 4, 5), np.uint8)])


# --- settings


def test_settings_are_kept_and_only_the_open_ones_found() -> None:
    maps = scenes([1, 2, 4])
    found = decided(maps, num_classes=6)
    assert found.class_values == [0, 1, 2, 3, 4, 5]
    assert found.line.endswith("; never found: 3, 5")
    assert decided(maps, class_values=[4, 2, 1, 0]).class_values == [4, 2, 1, 0]
    assert decided(maps, class_values=[0, [1, 2], 4]).num_classes == 3
    assert decided(maps, ignore_index=4).class_values == [0, 1, 2]
    assert decided(maps, threshold=2).reading == "threshold"
    with pytest.raises(DataError, match=r"its values are 0, 1, 2, 4, which does not fit --data\.num_classes 3"):
        decided(maps, num_classes=3)
    with pytest.raises(DataError, match="gives 2 classes"):
        decided(maps, num_classes=3, reading="nonzero")


def test_colours_that_are_set_choose_the_reading() -> None:
    maps = [COLOURS[scene] for scene in scenes([1, 2])]
    found = decided(maps, class_values=["#464646", "#000000"], ignored_values=["#804080"])
    assert (found.reading, found.ignore_index, found.ignored_values) == ("colours", 255, ["#804080"])
    assert found.class_values == ["#464646", "#000000"]
