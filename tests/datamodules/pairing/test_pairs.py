import os
import unicodedata
from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.pairing.packed_names import Pair
from datamodules.pairing.pairs import PairSettings, pair_folders


def files(folder: Path, *names: str) -> str:
    """Create empty files, because pairing must not open any."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def find_pairs(image_path: str, gt_path: str) -> list[Pair]:
    return list(pair_folders(image_path, gt_path, PairSettings()).pairs)


def test_files_are_paired_by_stem_across_suffixes_and_sub_folders(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "b.JPG", "a.tif", "sub/a.webp", "notes.txt")
    gt = files(tmp_path / "g", "a.png", "b.PNG", "sub/a.gif", "Thumbs.db")
    assert find_pairs(images, gt) == [
        Pair("a", "a.tif", "a.png"),
        Pair("b", "b.JPG", "b.PNG"),
        Pair("sub/a", "sub/a.webp", "sub/a.gif"),
    ]


def test_composed_and_decomposed_names_are_paired(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "细胞é.png") for form in ("NFC", "NFD"))
    pairs = find_pairs(files(tmp_path / "图像", composed), files(tmp_path / "标注", decomposed))
    assert [pair.stem for pair in pairs] == ["细胞é"]


def test_hidden_files_and_files_that_are_no_images_are_ignored(tmp_path: Path) -> None:
    strays = ["._a.png", ".ipynb_checkpoints/a-checkpoint.png", ".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt"]
    strays += ["list.csv", "a.json", "README", "__MACOSX/._a.png"] + (["Icon\r"] if os.name != "nt" else [])
    images = files(tmp_path / "i", "a.png", *strays)
    assert len(find_pairs(images, files(tmp_path / "g", "a.png", *strays))) == 1


def test_dots_in_a_name_belong_to_the_stem(tmp_path: Path) -> None:
    pairs = find_pairs(files(tmp_path / "i", "a.v1.png", "a.v2.png"), files(tmp_path / "g", "a.v1.png", "a.v2.png"))
    assert [pair.stem for pair in pairs] == ["a.v1", "a.v2"]


def test_stems_that_differ_in_letter_case_are_not_paired(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 pairs are complete"):
        find_pairs(files(tmp_path / "i", "Cell.png"), files(tmp_path / "g", "cell.png"))


def test_files_without_a_partner_are_counted_and_ten_of_each_side_are_named(tmp_path: Path) -> None:
    images = files(tmp_path / "i", *(f"left_{n:02}.png" for n in range(12)), "both.png")
    gt = files(tmp_path / "g", *(f"right_{n:02}.png" for n in range(20, 31)), "both.png")
    with pytest.raises(DataError) as error:
        find_pairs(images, gt)
    text = str(error.value)
    assert "12 images without ground truth" in text
    assert "11 ground truth files without an image" in text
    assert "1 pair is complete" in text
    assert "left_09" in text
    assert "left_10" not in text
    assert "right_29" in text
    assert "right_30" not in text


def test_a_stem_with_two_suffixes_is_an_error_that_names_both_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.(jpg|png) and a\.(png|jpg)"):
        find_pairs(files(tmp_path / "i", "a.png", "a.jpg"), files(tmp_path / "g", "a.png"))


def test_all_missing_folders_are_named_in_one_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError) as error:
        find_pairs(str(tmp_path / "nowhere"), str(file))
    assert "nowhere" in str(error.value)
    assert f"is a file, not a folder: {file}" in str(error.value)


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No images in .*i, .*g \("):
        find_pairs(files(tmp_path / "i", "a.txt"), files(tmp_path / "g"))


def test_a_folder_without_images_says_what_it_holds_instead(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "p1/ct.nii.gz", "p2/ct.nii.gz", "notes.txt")
    with pytest.raises(
        DataError, match=r"2 files of the kind \.nii\.gz, such as p\d/ct\.nii\.gz(.|\n)*1 file of the kind \.txt"
    ):
        find_pairs(images, files(tmp_path / "g", "a.png"))


def test_one_folder_of_images_alone_is_an_error(tmp_path: Path) -> None:
    images = files(tmp_path / "i", "a.png")
    with pytest.raises(DataError, match="the folder of both"):
        find_pairs(images, str(tmp_path / "i" / ".." / "i"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    files(tmp_path / "elsewhere", "a.png")
    images, gt = tmp_path / "i", tmp_path / "g"
    for folder in (images, gt):
        folder.mkdir()
        (folder / "sub").symlink_to(tmp_path / "elsewhere")
        (folder / "loop").symlink_to(folder)
    assert [pair.stem for pair in find_pairs(str(images), str(gt))] == ["sub/a"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that this user may not read")
def test_an_unreadable_sub_folder_is_an_error(tmp_path: Path) -> None:
    images, gt = (
        files(tmp_path / "i", "a.png", "closed/b.png"),
        files(tmp_path / "g", "a.png", "closed/b.png"),
    )
    (tmp_path / "i" / "closed").chmod(0)
    with pytest.raises(DataError, match="closed"):
        find_pairs(images, gt)
