"""Folders as people have them: the rule that pairs their names is found, said, and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.facts import facts_of_names
from datamodules.pairing.packed_names import Pair
from datamodules.pairing.pairs import Pairing, PairSettings, pair_folders, pair_validation
from tests.helpers.real_data import REAL

OPEN = PairSettings()


def files(folder: Path, names: Sequence[str]) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def paired(tmp_path: Path, images: Sequence[str], gts: Sequence[str], with_settings: PairSettings = OPEN) -> Pairing:
    return pair_folders(files(tmp_path / "i", images), files(tmp_path / "g", gts), with_settings)


class Set(NamedTuple):
    """Names in the form of a public set, and what pairs them."""

    images: list[str]
    gts: list[str]
    image_pattern: str
    gt_pattern: str


CITIES = [f"{city}/{city}_{number:06}_000019" for city in ("aachen", "bonn") for number in range(5)]
VARIANTS = ("color", "instanceIds", "labelIds")
SETS = {
    "same stems": Set(["a.jpg", "b.JPG"], ["a.png", "b.png"], "{stem}.*", "{stem}.*"),
    "a suffix on both sides": Set(
        [f"{n}_training.tif" for n in range(21, 41)],
        [f"{n}_manual1.gif" for n in range(21, 41)],
        "{stem}_training.*",
        "{stem}_manual1.*",
    ),
    "a suffix on one side": Set(
        [f"ISIC_{n:07}.jpg" for n in range(30)],
        [f"ISIC_{n:07}_segmentation.png" for n in range(30)],
        "{stem}.*",
        "{stem}_segmentation.*",
    ),
    "a head": Set(["7.png", "8.png"], ["mask_7.png", "mask_8.png"], "{stem}.*", "mask_{stem}.*"),
    "a head on both sides": Set(["img2d.tif"], ["mask2d.tif"], "img{stem}.*", "mask{stem}.*"),
    "a word that one name has alone": Set(
        ["img2d.tif", "tests_img2d.tif"], ["mask2d.tif", "tests_mask2d.tif"], "{stem}img2d.*", "{stem}mask2d.*"
    ),
    "nothing but a tail says what is what": Set(
        ["x_noisy.png", "y_noisy.png"], ["x_clean.png", "y_clean.png"], "{stem}_noisy.*", "{stem}_clean.*"
    ),
    "spaces, parentheses and any alphabet": Set(
        ["图像 (1).png", "图像 (2).png"], ["图像 (1)_标注.png", "图像 (2)_标注.png"], "{stem}.*", "{stem}_标注.*"
    ),
    "folders": Set(
        [f"{city}.png" for city in CITIES], [f"{city}_gt.png" for city in CITIES], "{stem}.*", "{stem}_gt.*"
    ),
    "other folders": Set(
        [f"train/{n}.png" for n in range(9)], [f"trainannot/{n}.png" for n in range(9)], "**/{stem}.*", "**/{stem}.*"
    ),
    "numbers that are padded differently": Set(
        [f"{n}.png" for n in range(1, 13)],
        [f"labels{n:08}.png" for n in range(1, 13)],
        "{numbers}.*",
        "labels{numbers}.*",
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_the_rule_of_the_names_is_found_and_pairs_all_files(tmp_path: Path, name: str) -> None:
    wanted = SETS[name]
    found = paired(tmp_path, wanted.images, wanted.gts)
    assert found.rule == (wanted.image_pattern, wanted.gt_pattern)
    assert len(found.pairs) == len(wanted.images)
    assert found.is_guess == name.startswith("numbers")
    # What was found is what the same patterns give when they are set.
    again = PairSettings(*found.rule)
    assert pair_folders(str(tmp_path / "i"), str(tmp_path / "g"), again).pairs == found.pairs


@pytest.mark.parametrize(
    ("folder", "rule"),
    [
        ("dsb2018_mini", ("{stem}.*", "{stem}.*")),
        ("bbbc007_crops4", ("{stem}.*", "{stem}.*")),
        ("bbbc039_mini16", ("{stem}.*", "{stem}.*")),
        ("labelme_voc3", ("{stem}.*", "{stem}.*")),
        ("stardist16_2", ("{stem}img2d.*", "{stem}mask2d.*")),
        ("mmseg_pseudo5", ("{stem}_img.*", "{stem}_gt.*")),
        ("vnc_tissue4", ("{numbers}.*", "labels{numbers}.*")),
        ("cc_real_noise3", ("{stem}_real.*", "{stem}_mean.*")),
    ],
)
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the folder of real images beside the project")
def test_real_folders_are_paired(folder: str, rule: tuple[str, str]) -> None:
    found = pair_folders(str(REAL / folder / "images"), str(REAL / folder / "gt"), OPEN)
    assert found.rule == rule
    assert len(found.pairs) == len(list((REAL / folder / "images").iterdir()))


def test_of_two_observers_in_the_folder_of_the_images_the_first_is_used_and_the_other_named(tmp_path: Path) -> None:
    stems = [f"Image_{number:02}{side}" for number in range(1, 15) for side in "LR"]
    folder = files(tmp_path, [f"{stem}{end}" for stem in stems for end in (".jpg", "_1stHO.png", "_2ndHO.png")])
    found = pair_folders(folder, folder, OPEN)
    assert found.rule == ("{stem}.*", "{stem}_1stHO.*")
    assert [pair.stem for pair in found.pairs] == sorted(stems)
    (fact,) = facts_of_names(found, OPEN)
    assert fact.settings == {"image_pattern": "{stem}.*", "gt_pattern": "{stem}_1stHO.*"}
    assert pair_folders(folder, folder, PairSettings(**fact.settings)).pairs == found.pairs
    assert "28 pairs" in fact.line
    assert "{stem}_2ndHO.*" in fact.line


@pytest.mark.parametrize("count", [300, 1200])
def test_kinds_of_files_that_follow_one_another_are_all_seen(tmp_path: Path, count: int) -> None:
    ends = (".jpg", "_1stHO.png", "_2ndHO.png")
    folder = files(tmp_path, [f"{number:04}{end}" for number in range(count) for end in ends])
    found = pair_folders(folder, folder, OPEN)
    assert found.rule == ("{stem}.*", "{stem}_1stHO.*")
    assert found.variants == (("{stem}.*", "{stem}_2ndHO.*"),)
    assert len(found.pairs) == count


def test_of_several_kinds_of_ground_truth_that_with_class_numbers_is_used(tmp_path: Path) -> None:
    images = [f"{city}_leftImg8bit.png" for city in CITIES]
    gts = [f"{city}_gtFine_{kind}.png" for city in CITIES for kind in VARIANTS]
    files(tmp_path / "i", images)
    files(tmp_path / "g", gts)
    modes = {"color": np.uint8, "instanceIds": np.uint16, "labelIds": np.uint8}
    for name in gts:
        kind = name.rpartition("_")[2].removesuffix(".png")
        shape = (8, 8, 3) if kind == "color" else (8, 8)
        Image.fromarray(np.arange(np.prod(shape), dtype=modes[kind]).reshape(shape) // 8).save(tmp_path / "g" / name)
    found = pair_folders(str(tmp_path / "i"), str(tmp_path / "g"), OPEN)
    assert found.rule == ("{stem}_leftImg8bit.*", "{stem}_gtFine_labelIds.*")
    assert {gt for _, gt in found.variants} == {"{stem}_gtFine_color.*", "{stem}_gtFine_instanceIds.*"}
    assert len(found.pairs) == len(images)


def test_a_color_variant_of_half_of_the_names_is_left_to_itself(tmp_path: Path) -> None:
    found = paired(tmp_path, ["a.png", "b.png"], ["a.png", "b.png", "a_L.png", "b_L.png"])
    assert found.rule == ("{stem}.*", "{stem}.*")
    assert found.variants == (("{stem}.*", "{stem}_L.*"),)
    again = pair_folders(str(tmp_path / "i"), str(tmp_path / "g"), PairSettings(*found.rule))
    assert again.pairs == found.pairs


def test_photographs_and_their_masks_in_one_folder_are_told_apart_by_the_suffix(tmp_path: Path) -> None:
    folder = files(tmp_path, ["a.jpg", "a.png", "b.jpg", "b.png"])
    found = pair_folders(folder, folder, OPEN)
    assert [(pair.image, pair.gt) for pair in found.pairs] == [("a.jpg", "a.png"), ("b.jpg", "b.png")]


def test_ground_truth_inside_the_image_folder_is_no_image(tmp_path: Path) -> None:
    images = files(tmp_path, ["a.png", "b.png", "masks/a.png", "masks/b.png"])
    found = pair_folders(images, str(tmp_path / "masks"), OPEN)
    assert [(pair.image, pair.gt) for pair in found.pairs] == [("a.png", "a.png"), ("b.png", "b.png")]


def test_images_inside_the_ground_truth_folder_are_no_ground_truth(tmp_path: Path) -> None:
    gts = files(tmp_path, ["a.png", "b.png", "images/a.png", "images/b.png"])
    assert len(pair_folders(str(tmp_path / "images"), gts, OPEN).pairs) == 2


def test_one_folder_whose_names_do_not_say_what_is_what_is_refused_with_examples(tmp_path: Path) -> None:
    folder = files(tmp_path, ["1_clean.png", "1_noisy.png", "2_clean.png", "2_noisy.png"])
    with pytest.raises(DataError, match=r"1_clean\.png, 1_noisy\.png.*--data\.image_pattern"):
        pair_folders(folder, folder, OPEN)
    typed = PairSettings("{stem}_noisy.*", "{stem}_clean.*")
    assert len(pair_folders(folder, folder, typed).pairs) == 2


def test_two_rules_for_different_images_are_refused_with_an_example_of_each(tmp_path: Path) -> None:
    gts = [*(f"a{n}.png" for n in range(6)), *(f"a{n}_mask.png" for n in range(6, 12))]
    with pytest.raises(DataError) as error:
        paired(tmp_path, [f"a{n}.png" for n in range(12)], gts)
    assert "a0.png with a0.png" in str(error.value)
    assert "_mask.png" in str(error.value)
    assert '--data.gt_pattern "{stem}_mask.*"' in str(error.value)


def test_names_that_share_nothing_are_not_paired_by_chance(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 pairs are complete"):
        paired(tmp_path, ["cat.png"], ["dog.png"])


@pytest.mark.parametrize(
    ("images", "gts"),
    [
        (["catA.png", "catB.png"], ["ratA.png", "ratB.png"]),  # one letter is no word
        ([f"{n}-{dye}.png" for n in range(9) for dye in ("DNA", "actin", "pH3")], [f"{n}-cells.png" for n in range(9)]),
    ],
)
def test_what_hardly_any_name_has_in_common_is_no_rule(tmp_path: Path, images: list[str], gts: list[str]) -> None:
    with pytest.raises(DataError, match="0 pairs are complete"):
        paired(tmp_path, images, gts)


def test_ground_truth_that_few_images_have_is_no_other_kind_of_it(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(60)]
    assert len(paired(tmp_path / "a", names, [*names, *(f"{n}_old.png" for n in range(6))]).pairs) == 60
    with pytest.raises(DataError, match="4 ground truth files without an image"):
        paired(tmp_path / "b", names, [*names, *(f"{n}_old.png" for n in range(4))])


def test_files_without_a_partner_are_left_out_if_that_is_allowed(tmp_path: Path) -> None:
    images, gts = [f"{n}.png" for n in range(5)], ["0_gt.png", "1_gt.png", "2_gt.png", "9_gt.png"]
    with pytest.raises(DataError, match=r"2 images without ground truth:\n.*3\.png\n.*4\.png"):
        paired(tmp_path, images, gts)
    allowed = PairSettings(allow_unpaired=True)
    found = paired(tmp_path, images, gts, allowed)
    assert [pair.stem for pair in found.pairs] == ["0", "1", "2"]
    assert found.left_out == (2, 1)
    assert "2 images, 1 files" in list(facts_of_names(found, allowed))[-1].line


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("_mask.*", "needs one {stem}"),
        ("{stem}{stem}.*", "needs one"),
        ("{name}.*", "needs one"),
        ("*{stem}*a*b*", "3 stars"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused(tmp_path: Path, pattern: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        paired(tmp_path, ["a.png"], ["a.png"], PairSettings(gt_pattern=pattern))
    assert "--data.gt_pattern" in str(error.value)
    assert said in str(error.value)


def test_patterns_that_fit_no_file_are_refused_with_the_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 image without") as error:
        paired(tmp_path, ["a.png"], ["b.png"], PairSettings("x{stem}.*", "y{stem}.*"))
    assert "  - b.png" in str(error.value)
    assert "x{stem}.* with y{stem}.*" in str(error.value)


def test_a_pattern_with_folders_is_one_of_the_whole_path(tmp_path: Path) -> None:
    typed = PairSettings("{stem}/images/*.png", "{stem}/mask.png")
    found = paired(tmp_path, ["p1/images/x.png", "p2/images/y.png"], ["p1/mask.png", "p2/mask.png"], typed)
    assert [pair.stem for pair in found.pairs] == ["p1", "p2"]


WORDS = st.sampled_from(["", "_img", "_mask", "-gt", "_1stHO", "scan_"])
STEMS = st.sets(st.text("abz019_é", min_size=1, max_size=6).map(lambda word: f"s{word}e"), min_size=2, max_size=20)
STRAYS = st.sets(st.sampled_from(["Thumbs.db", ".hidden.png", "notes.txt", "list.csv", ".ipynb_checkpoints/a.png"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stems=STEMS, tails=st.tuples(WORDS, WORDS), strays=STRAYS, folder=st.sampled_from(["", "a/", "b/c/"]))
def test_drawn_sets_are_paired_as_they_were_drawn(
    tmp_path_factory: pytest.TempPathFactory, stems: set[str], tails: tuple[str, str], strays: set[str], folder: str
) -> None:
    root = tmp_path_factory.mktemp("drawn")
    image, gt = ([f"{folder}{stem}{tail}.png" for stem in sorted(stems)] for tail in tails)
    found = paired(root, [*image, *strays], [*gt, *strays])
    assert {(pair.image, *pair[2:]) for pair in found.pairs} == {(*pair, ()) for pair in zip(image, gt, strict=True)}


def test_folders_for_validation_follow_the_rule_of_those_for_training(tmp_path: Path) -> None:
    training = paired(tmp_path / "t", ["a.png", "b.png"], ["a_mask.png", "b_mask.png"])
    images = files(tmp_path / "v" / "i", ["c.png"])
    gts = files(tmp_path / "v" / "g", ["c_mask.png", "overview.png"])
    found = pair_validation(images, gts, OPEN, training)
    assert found is not None
    assert (len(found.pairs), found.unfit) == (1, (0, 1))
    lines = [fact.line for fact in facts_of_names(training, OPEN, found)]
    assert any(line.startswith("Validation: Not used") and "1 files of ground truth" in line for line in lines)
    with pytest.raises(DataError, match=r"follow the rule of those for training, \{stem\}\.\* – \{stem\}_mask\.\*:"):
        pair_validation(images, files(tmp_path / "v" / "other", ["c_gt.png"]), OPEN, training)
    assert pair_validation(None, None, OPEN, training) is None


def test_pairs_are_sorted_by_what_the_names_share_and_not_by_the_files(tmp_path: Path) -> None:
    found = paired(tmp_path, ["c1_img.png", "c10_img.png", "c2_img.png"], ["c1_gt.png", "c10_gt.png", "c2_gt.png"])
    assert list(found.pairs) == [Pair(stem, f"{stem}_img.png", f"{stem}_gt.png") for stem in ("c1", "c10", "c2")]
