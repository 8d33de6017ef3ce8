from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.labels import ClassMapping
from datamodules.pair_checks import check_pairs
from datamodules.pairs import find_pairs
from datamodules.sources import FolderPairs

WritePairs = Callable[..., tuple[str, str]]


def check(paths: tuple[str, str], every_gt: bool = True, one_size: bool = False, num_classes: int = 2) -> None:
    source = FolderPairs(*paths, find_pairs(*paths))
    check_pairs([source], [one_size], ClassMapping(num_classes, None, None), every_gt)


def test_complete_pairs_of_one_size_pass(write_pairs: WritePairs) -> None:
    check(write_pairs(), one_size=True)


def test_problems_of_all_kinds_are_reported_in_one_error(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(6)
    Path(paths[0], "pair_1.png").write_bytes(b"no image")
    Path(paths[1], "pair_2.png").write_bytes(Path(paths[1], "pair_2.png").read_bytes()[:45])
    Image.new("L", (7, 8)).save(Path(paths[1], "pair_3.png"))
    write_pair("pair_4", values=[0, 17, 255])
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(Path(paths[1], "pair_5.png"))
    with pytest.raises(DataError) as error:
        check(paths)
    text = str(error.value)
    assert "3 files cannot be used" in text
    assert "pair_1.png cannot be read" in text
    assert "pair_2.png cannot be read" in text
    assert "pair_5.png holds colours" in text
    assert "1 pair differs in size" in text
    assert "pair_3.png is 7 × 8" in text
    assert "1 ground truth file holds values that belong to no class" in text
    assert "pair_4.png holds 0, 17, 255" in text
    assert "--data.num_classes" in text
    assert "pair_0" not in text


def test_of_many_bad_files_ten_are_named_and_all_are_counted(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(12)
    for number in range(12):
        write_pair(f"pair_{number}", values=[0, 3])
    with pytest.raises(DataError, match=r"(?s)12 ground truth files hold.*… and 2 more"):
        check(paths)


def test_without_every_gt_only_the_first_gt_is_decoded(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(3)
    write_pair("pair_2", values=[0, 3])
    check(paths, every_gt=False)
    write_pair("pair_0", values=[0, 3])
    with pytest.raises(DataError, match=r"pair_0\.png holds 0, 3"):
        check(paths, every_gt=False)


def test_sizes_of_pairs_that_are_not_decoded_are_compared(write_pairs: WritePairs) -> None:
    paths = write_pairs(3)
    Image.new("L", (7, 8)).save(Path(paths[1], "pair_2.png"))
    with pytest.raises(DataError, match="1 pair differs in size"):
        check(paths, every_gt=False)


def test_a_damaged_first_image_is_reported_without_every_gt(write_pairs: WritePairs) -> None:
    paths = write_pairs(3)
    file = Path(paths[0], "pair_0.png")
    file.write_bytes(file.read_bytes()[:90])
    with pytest.raises(DataError, match=r"pair_0\.png cannot be read"):
        check(paths, every_gt=False)


def test_different_sizes_are_an_error_only_if_one_size_is_needed(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(2)
    write_pair("larger", size=12)
    check(paths)
    with pytest.raises(DataError, match=r"8 × 8, 12 × 12\..*--data\.image_size"):
        check(paths, one_size=True)


def test_progress_is_reported_after_each_pair(write_pairs: WritePairs) -> None:
    paths = write_pairs(3)
    source = FolderPairs(*paths, find_pairs(*paths))
    reported: list[tuple[int, int]] = []
    check_pairs(
        [source, source], [False, False], ClassMapping(2, None, None), True, lambda *done: reported.append(done)
    )
    assert reported == [(number, 6) for number in range(1, 7)]
