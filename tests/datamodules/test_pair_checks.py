from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.gt.labels import ClassMapping
from datamodules.loading.sources import FolderPairs
from datamodules.loading.unreadable import Skipped
from datamodules.pair_checks import Care, Check, care_for, check_pairs
from datamodules.pairing.pairs import PairSettings, pair_folders
from datamodules.scanning import Scan

WritePairs = Callable[..., tuple[str, str]]


def against(*sources: FolderPairs) -> Check:
    """What is expected of a run with two classes that has seen nothing yet and skips nothing."""
    skipped = [Skipped(np.arange(len(source)), set(), 0) for source in sources]
    return Check(ClassMapping(2, None, None), Scan(), skipped, 0)


def check(paths: tuple[str, str], care: Care = Care.GT, one_size: bool = False) -> None:
    source = FolderPairs(*paths, pair_folders(*paths, PairSettings()).pairs)
    levels = np.full(len(source), care, dtype=np.int8)
    check_pairs([source], [one_size], [levels], against(source))


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
    assert "2 files cannot be used" in text
    assert "pair_1.png cannot be read" in text
    assert "pair_2.png cannot be read" in text
    assert "pair_5.png holds 64 different values, or none that can be read as values" in text
    assert "1 pair differs in size" in text
    assert "pair_3.png is 7 × 8" in text
    assert "2 ground truth files hold values that belong to no class" in text
    assert "pair_4.png holds 0, 17, 255" in text
    assert "--data.num_classes" in text
    assert "pair_0" not in text


def test_of_many_bad_files_twenty_are_named_and_all_are_counted(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(22)
    for number in range(22):
        write_pair(f"pair_{number}", values=[0, 3])
    with pytest.raises(DataError, match=r"(?s)22 ground truth files hold.*… and 2 more"):
        check(paths)


@pytest.mark.parametrize(
    ("care", "named"),
    [(Care.HEADERS, []), (Care.GT, ["gt"]), (Care.BOTH, ["gt", "images"])],
    ids=["headers", "gt", "both"],
)
def test_a_file_that_is_damaged_in_its_middle_is_found_where_it_is_decoded(
    write_pairs: WritePairs, care: Care, named: list[str]
) -> None:
    paths = write_pairs(3)
    for folder in paths:
        file = Path(folder, "pair_1.png")
        content = bytearray(file.read_bytes())
        content[-20] ^= 0x40
        file.write_bytes(content)
    said = ""
    try:
        check(paths, care)
    except DataError as error:
        said = str(error)
    assert [folder for folder in ("gt", "images") if str(Path(folder, "pair_1.png")) in said] == named


def test_files_that_lack_their_end_are_all_named_even_if_only_headers_are_read(write_pairs: WritePairs) -> None:
    paths = write_pairs(5)
    for file in (Path(paths[0], "pair_1.png"), Path(paths[0], "pair_3.png"), Path(paths[1], "pair_4.png")):
        file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match="3 files cannot be used") as error:
        check(paths, Care.HEADERS)
    assert [str(error.value).count(f"pair_{number}.png cannot be read") for number in range(5)] == [0, 1, 0, 1, 1]


def test_a_pair_that_a_run_has_used_needs_less_care_than_one_that_was_added() -> None:
    unseen = np.array([False, False, True])
    assert care_for(unseen, is_new_run=False, every_gt=False).tolist() == [Care.BOTH, Care.HEADERS, Care.BOTH]
    assert care_for(unseen, is_new_run=False, every_gt=True).tolist() == [Care.BOTH, Care.GT, Care.BOTH]
    assert care_for(np.ones(3, np.bool_), is_new_run=True, every_gt=False).tolist() == [Care.BOTH, Care.GT, Care.GT]


def test_sizes_of_pairs_that_are_not_decoded_are_compared(write_pairs: WritePairs) -> None:
    paths = write_pairs(3)
    Image.new("L", (7, 8)).save(Path(paths[1], "pair_2.png"))
    with pytest.raises(DataError, match="1 pair differs in size"):
        check(paths, Care.HEADERS)


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
    source = FolderPairs(*paths, pair_folders(*paths, PairSettings()).pairs)
    reported: list[tuple[int, int]] = []
    care = [np.zeros(3, np.int8)] * 2
    check_pairs([source, source], [False, False], care, against(source, source), lambda *done: reported.append(done))
    assert reported == [(number, 6) for number in range(1, 7)]
