import os
import pickle
import unicodedata
from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.pairs import Names, Pair, find_pairs


def files(folder: Path, *names: str) -> str:
    """Empty files: pairing must not open any."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def test_pairs_by_stem_across_suffixes_and_sub_folders(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "b.JPG", "a.tif", "sub/a.webp", "notes.txt")
    gt = files(tmp_path / "g", "a.png", "b.PNG", "sub/a.gif", "Thumbs.db")
    assert find_pairs(images, gt) == [
        Pair("a", "a.tif", "a.png"),
        Pair("b", "b.JPG", "b.PNG"),
        Pair("sub/a", "sub/a.webp", "sub/a.gif"),
    ]


def test_chinese_names_pair_however_their_accents_are_stored(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "细胞é.png") for form in ("NFC", "NFD"))
    pairs = find_pairs(files(tmp_path / "图像", composed), files(tmp_path / "标注", decomposed))
    assert [pair.stem for pair in pairs] == ["细胞é"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "a.png", "._a.png", ".ipynb_checkpoints/a-checkpoint.png")
    assert len(find_pairs(images, files(tmp_path / "g", "a.png"))) == 1


def test_a_name_with_dots_keeps_them(tmp_path: Path) -> None:
    pairs = find_pairs(files(tmp_path / "i", "a.v1.png", "a.v2.png"), files(tmp_path / "g", "a.v1.png", "a.v2.png"))
    assert [pair.stem for pair in pairs] == ["a.v1", "a.v2"]


def test_letter_case_of_a_stem_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 pairs are complete"):
        find_pairs(files(tmp_path / "i", "Cell.png"), files(tmp_path / "g", "cell.png"))


def test_missing_partners_name_ten_of_each_side_and_the_counts(tmp_path: Path) -> None:
    images = files(tmp_path / "i", *(f"left_{n:02}.png" for n in range(12)), "both.png")
    gt = files(tmp_path / "g", *(f"right_{n:02}.png" for n in range(11)), "both.png")
    with pytest.raises(DataError) as error:
        find_pairs(images, gt)
    text = str(error.value)
    assert "12 images without ground truth" in text
    assert "11 ground truth files without an image" in text
    assert "1 pairs are complete" in text
    assert "left_09" in text
    assert "left_10" not in text
    assert "right_09" in text
    assert "right_10" not in text


def test_a_stem_with_two_suffixes_names_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.(jpg|png) and a\.(png|jpg)"):
        find_pairs(files(tmp_path / "i", "a.png", "a.jpg"), files(tmp_path / "g", "a.png"))


def test_all_missing_folders_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError) as error:
        find_pairs(str(tmp_path / "nowhere"), str(file))
    assert "nowhere" in str(error.value)
    assert f"is a file, not a folder: {file}" in str(error.value)


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images in .*i and .*g"):
        find_pairs(files(tmp_path / "i", "a.txt"), files(tmp_path / "g"))


def test_the_same_folder_twice_is_an_error(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "a.png")
    with pytest.raises(DataError, match="same folder"):
        find_pairs(images, str(tmp_path / "i" / ".." / "i"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_followed_once(tmp_path: Path) -> None:
    files(tmp_path / "elsewhere", "a.png")
    images, gt = tmp_path / "i", tmp_path / "g"
    for folder in (images, gt):
        folder.mkdir()
        (folder / "sub").symlink_to(tmp_path / "elsewhere")
        (folder / "loop").symlink_to(folder)
    assert [pair.stem for pair in find_pairs(str(images), str(gt))] == ["sub/a"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that this user may not read")
def test_an_unreadable_sub_folder_is_not_passed_over(tmp_path: Path) -> None:
    images, gt = (
        files(tmp_path / "i", "a.png", "closed/b.png"),
        files(tmp_path / "g", "a.png", "closed/b.png"),
    )
    (tmp_path / "i" / "closed").chmod(0)
    with pytest.raises(DataError, match="closed"):
        find_pairs(images, gt)


def test_names_in_one_block_come_back_as_they_were_also_in_another_process() -> None:
    names = ["a.png", "病例/甲.png", "", "f\udcfcr.png", "b.png"]
    block = pickle.loads(pickle.dumps(Names(names)))
    assert [block[index] for index in range(len(block))] == names
    assert len(Names([])) == 0
