"""The forms of names in public sets: each is paired by the rule that is meant, and so are its kept patterns."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.pairing.pairs import PairSettings, pair_folders

AREAS = [f"top_potsdam_{row}_{column}" for row in (2, 3) for column in (10, 11, 12)]
CITIES = [f"{city}/{city}_{number:06}_000019" for city in ("aachen", "bonn") for number in range(4)]
CELLS = [f"{number:02}" for number in range(1, 9)]


def ends(stems: Sequence[str], *tails: str) -> list[str]:
    return [f"{stem}{tail}" for stem in stems for tail in tails]


class Form(NamedTuple):
    """Images, ground truth (None: in the same folder), the rule, and how many pairs."""

    images: list[str]
    gts: list[str] | None
    image_pattern: str
    gt_pattern: str
    pairs: int


FORMS = {
    "CHASE": Form(
        ends([f"Image_{n:02}{side}" for n in range(1, 9) for side in "LR"], ".jpg", "_1stHO.png", "_2ndHO.png"),
        None,
        "{stem}.*",
        "{stem}_1stHO.*",
        16,
    ),
    "DRIVE": Form(
        [f"images/{n}_training.tif" for n in CELLS],
        [*(f"1st_manual/{n}_manual1.gif" for n in CELLS), *(f"mask/{n}_training_mask.gif" for n in CELLS)],
        "**/{stem}_training.*",
        "**/{stem}_manual1.*",
        8,
    ),
    "HRF": Form(ends(CELLS, "_dr.JPG"), ends(CELLS, "_dr.tif", "_dr_mask.tif"), "{stem}.*", "{stem}.*", 8),
    "STARE": Form(
        [f"im00{n}.ppm" for n in CELLS],
        [f"im00{n}.{who}.ppm" for n in CELLS for who in ("ah", "vk")],
        "{stem}.*",
        "{stem}.ah.*",
        8,
    ),
    "ISIC": Form(
        [f"ISIC_00{n}{end}" for n in CELLS for end in (".jpg", "_superpixels.png")],
        [f"ISIC_00{n}_segmentation.png" for n in CELLS],
        "{stem}.*",
        "{stem}_segmentation.*",
        8,
    ),
    "Carvana": Form(ends(CELLS, "_1.jpg"), ends(CELLS, "_1_mask.gif"), "{stem}.*", "{stem}_mask.*", 8),
    "GlaS": Form(
        ends([f"{side}_{n}" for side in ("train", "testA") for n in range(1, 20)], ".bmp", "_anno.bmp"),
        None,
        "{stem}.*",
        "{stem}_anno.*",
        38,
    ),
    "CVPPP": Form(
        ends([f"plant{n:03}" for n in range(1, 20)], "_rgb.png", "_label.png", "_centers.png"),
        None,
        "{stem}_rgb.*",
        "{stem}_label.*",
        19,
    ),
    "CVPPP with the foreground": Form(
        ends([f"plant{n:03}" for n in range(1, 20)], "_rgb.png", "_label.png", "_centers.png", "_fg.png"),
        None,
        "{stem}_rgb.*",
        "{stem}_fg.*",
        19,
    ),
    "IDRiD": Form(
        [f"IDRiD_{n:02}.jpg" for n in range(1, 55)],
        [f"{at}/IDRiD_{n:02}_{kind}.tif" for at, kind in enumerate(("MA", "HE", "EX", "OD")) for n in range(1, 55)]
        + [f"4/IDRiD_{n:02}_SE.tif" for n in range(1, 54, 2)],
        "**/{stem}.*",
        "**/{stem}_MA.*",
        54,
    ),
    "CTC": Form(
        [f"t{n:03}.tif" for n in range(20)],
        [f"{place}{n:03}.tif" for n in range(20) for place in ("SEG/man_seg", "TRA/man_track")],
        "**/t{stem}.*",
        "**/man_seg{stem}.*",
        20,
    ),
    "PhC": Form(ends(CELLS, ".tif", "_mask.tif"), None, "{stem}.*", "{stem}_mask.*", 8),
    "Potsdam": Form(ends(AREAS, "_RGB.tif"), ends(AREAS, "_label.tif"), "{stem}_RGB.*", "{stem}_label.*", 6),
    "Massachusetts": Form(ends(CELLS, "_15.tiff"), ends(CELLS, "_15.tif"), "{stem}.*", "{stem}.*", 8),
    "SpaceNet": Form(
        [f"RGB-PanSharpen_AOI_2_Vegas_img{n}.tif" for n in range(1, 30)],
        [f"mask_AOI_2_Vegas_img{n}.tif" for n in range(1, 30)],
        "RGB-PanSharpen_{stem}.*",
        "mask_{stem}.*",
        29,
    ),
    "CamVid": Form(ends(CELLS, ".png"), ends(CELLS, "_L.png"), "{stem}.*", "{stem}_L.*", 8),
    "Cityscapes, from the root": Form(
        [f"leftImg8bit/train/{city}_leftImg8bit.png" for city in CITIES]
        + [f"gtFine/train/{city}_gtFine_labelIds.png" for city in CITIES]
        + [f"gtFine/train/{city}_gtFine_labelTrainIds.png" for city in CITIES],
        None,
        "leftImg8bit/{stem}_leftImg8bit.*",
        "gtFine/{stem}_gtFine_labelIds.*",
        8,
    ),
    "images and masks in one root": Form(
        [f"images/{n}.jpg" for n in CELLS] + [f"masks/{n}_mask.png" for n in CELLS],
        None,
        "images/{stem}.*",
        "masks/{stem}_mask.*",
        8,
    ),
    "DSB 2018": Form(
        [f"id{n}/images/{n}f3.png" for n in CELLS] + [f"id{n}/masks/{n}a{k}.png" for n in CELLS for k in range(int(n))],
        None,
        "{stem}/images/*",
        "{stem}/masks/*",
        8,
    ),
    "a folder of masks beside the image": Form(
        [f"id{n}/cell.png" for n in CELLS] + [f"id{n}/masks/{k}.png" for n in CELLS for k in range(3)],
        None,
        "{stem}/*",
        "{stem}/masks/*",
        8,
    ),
    "a folder of masks for each image": Form(
        ends(CELLS, "_img.png"), [f"{n}_masks/{k}.png" for n in CELLS for k in range(3)], "{stem}_img.*",
        "{stem}_masks/*", 8,
    ),
    "a folder for each image, and of masks": Form(
        [f"{n}/x.png" for n in CELLS], [f"{n}/{k}.png" for n in CELLS for k in range(3)], "{stem}/*", "{stem}/*", 8
    ),
    "a word glued to the name": Form(
        [f"cell{n}.png" for n in "ABCD"], [f"maskcell{n}.png" for n in "ABCD"], "{stem}.*", "mask{stem}.*", 4
    ),
    "words glued to letters": Form(
        [f"img{n}.png" for n in "ABCD"], [f"lbl{n}.png" for n in "ABCD"], "img{stem}.*", "lbl{stem}.*", 4
    ),
    "words glued behind letters": Form(
        [f"{n}img.png" for n in "ABCD"], [f"{n}lbl.png" for n in "ABCD"], "{stem}img.*", "{stem}lbl.*", 4
    ),
}  # fmt: skip


def make(folder: Path, names: Sequence[str]) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize("name", FORMS)
def test_a_public_form_is_paired_by_the_rule_that_is_meant(tmp_path: Path, name: str) -> None:
    form = FORMS[name]
    images = make(tmp_path / "i", form.images)
    gts = images if form.gts is None else make(tmp_path / "g", form.gts)
    found = pair_folders(images, gts, PairSettings())
    assert found.rule == (form.image_pattern, form.gt_pattern)
    assert len(found.pairs) == form.pairs
    again = pair_folders(images, gts, PairSettings(*found.rule))
    assert again.pairs == found.pairs


def test_all_files_of_a_folder_of_masks_belong_to_one_image(tmp_path: Path) -> None:
    names = [f"id{n}/masks/{k}.png" for n in range(3) for k in range(n + 1)]
    root = make(tmp_path, [*names, *(f"id{n}/images/id{n}.png" for n in range(3))])
    pairs = list(pair_folders(root, root, PairSettings()).pairs)
    assert [pair.image for pair in pairs] == [f"id{n}/images/id{n}.png" for n in range(3)]
    assert [(pair.gt, *pair.more_gts) for pair in pairs] == [
        tuple(f"id{n}/masks/{k}.png" for k in range(n + 1)) for n in range(3)
    ]


def test_two_images_in_a_folder_of_one_are_refused(tmp_path: Path) -> None:
    root = make(tmp_path, ["a/images/1.png", "a/images/2.png", "a/masks/1.png"])
    with pytest.raises(DataError, match=r"a/images/1\.png and a/images/2\.png"):
        pair_folders(root, root, PairSettings("{stem}/images/*", "{stem}/masks/*"))


def test_more_images_than_masks_are_an_error_with_counts_and_a_flag(tmp_path: Path) -> None:
    stems = [f"{year}_{number:06}" for year in (2007, 2008) for number in range(300)]
    images, gts = make(tmp_path / "i", ends(stems, ".jpg")), make(tmp_path / "g", ends(stems[::20], "_seg.png"))
    with pytest.raises(DataError, match=r"570 images without(.|\n)*30 pairs are complete(.|\n)*allow_unpaired true"):
        pair_folders(images, gts, PairSettings())
    found = pair_folders(images, gts, PairSettings(allow_unpaired=True))
    assert (found.rule, len(found.pairs), found.left_out) == (("{stem}.*", "{stem}_seg.*"), 30, (570, 0))


def test_other_kinds_of_ground_truth_are_no_images_also_where_the_patterns_are_kept(tmp_path: Path) -> None:
    root = make(tmp_path, ends(CELLS, ".jpg", "_seg.png", "_parts.png"))
    for name in ends(CELLS, "_seg.png"):
        Image.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / name)
    found = pair_folders(root, root, PairSettings())
    assert found.rule == ("{stem}.*", "{stem}_seg.*")
    assert [rule.gt_pattern for rule in found.variants] == ["{stem}_parts.*"]
    again = pair_folders(root, root, PairSettings("{stem}.*", "{stem}_seg.*"))
    assert (again.pairs, again.variants) == (found.pairs, found.variants)


@pytest.mark.skipif(os.name == "nt", reason="upper and lower case are the same on Windows")
def test_suffixes_in_capitals_are_images_and_two_suffixes_for_one_stem_an_error(tmp_path: Path) -> None:
    gts = make(tmp_path / "g", ["a.png", "b.png"])
    assert len(pair_folders(make(tmp_path / "i", ["a.PNG", "b.TiF"]), gts, PairSettings()).pairs) == 2
    with pytest.raises(DataError, match=r"a\.PNG and a\.tif"):
        pair_folders(make(tmp_path / "i", ["a.tif"]), gts, PairSettings())
