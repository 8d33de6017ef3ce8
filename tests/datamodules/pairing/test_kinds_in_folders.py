"""Images and ground truth that only folders tell apart, and folders of several kinds of ground truth."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.pairing.pairs import PairSettings, pair_folders

STEMS = [f"{number:02}_h" for number in range(6)]


def make(folder: Path, *places: str, stems: Sequence[str] = STEMS) -> str:
    """Files with these stems at each of the places, such as `masks/{}_mask.png`."""
    for name in (place.format(stem) for place in places for stem in stems):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def test_folders_of_images_and_of_ground_truth_in_each_of_several_ones_are_paired(tmp_path: Path) -> None:
    both = ("{}/Images/000.png", "{}/Images/100.png", "{}/Labels/000_gt.png", "{}/Labels/100_gt.png")
    root = make(tmp_path, *both, stems=["seq1", "seq2", "more/seq3"])
    found = pair_folders(root, root, PairSettings())
    assert found.rule == ("{folders}/Images/{stem}.*", "{folders}/Labels/{stem}_gt.*")
    assert len(found.pairs) == 6
    assert all(gt == image.replace("Images", "Labels").replace(".png", "_gt.png") for _, image, gt, _ in found.pairs)
    assert pair_folders(root, root, PairSettings(*found.rule)).pairs == found.pairs


def test_the_files_of_such_folders_that_lack_a_partner_are_named(tmp_path: Path) -> None:
    make(tmp_path, "train/images/{}.png", "train/masks/{}.png")
    root = make(tmp_path, "val/images/{}.png", stems=["90_h"])
    with pytest.raises(DataError, match=r"1 image without ground truth:\n *- val/images/90_h\.png"):
        pair_folders(root, root, PairSettings())


def test_several_folders_of_ground_truth_below_a_root_are_a_choice_with_both_paths(tmp_path: Path) -> None:
    root = make(tmp_path / "my set", "images/{}.jpg", "manual1/{}.tif", "mask/{}_mask.tif")
    first = Path(root, "manual1")
    with pytest.raises(DataError, match=r"several kinds of ground truth.*: manual1, mask") as error:
        pair_folders(root, root, PairSettings())
    assert f'--image_path "{Path(root, "images")}" --gt_path "{first}"' in str(error.value)
    assert len(pair_folders(str(Path(root, "images")), str(first), PairSettings()).pairs) == len(STEMS)


@pytest.mark.parametrize("name", ["{}.png", "{}_mask.png"])
def test_a_folder_of_folders_of_ground_truth_for_the_same_images_is_a_choice(tmp_path: Path, name: str) -> None:
    images = make(tmp_path / "images", "{}.png", stems=[*STEMS, "90_h"])
    gts = make(tmp_path / "gt", f"left/{name}", f"right/{name}")
    with pytest.raises(DataError, match=r"several kinds of ground truth.*: left, right"):
        pair_folders(images, gts, PairSettings())


def test_folders_that_divide_the_same_ground_truth_are_no_kinds(tmp_path: Path) -> None:
    images = make(tmp_path / "images", "{}.png")
    make(tmp_path / "gt", "train/{}.png", stems=STEMS[:3])
    gts = make(tmp_path / "gt", "val/{}.png", stems=STEMS[3:])
    assert len(pair_folders(images, gts, PairSettings()).pairs) == len(STEMS)


def test_more_than_50_folders_are_no_kinds_of_ground_truth(tmp_path: Path) -> None:
    images = make(tmp_path / "images", "{}.png", stems=STEMS[:2])
    for count, said in ((50, "several kinds"), (51, "0 pairs are complete")):
        gts = make(tmp_path / f"gt{count}", *(f"kind{number}/{{}}.png" for number in range(count)), stems=STEMS[:2])
        with pytest.raises(DataError, match=said):
            pair_folders(images, gts, PairSettings())
