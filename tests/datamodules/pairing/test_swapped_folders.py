"""Folders that were swapped are recognised by their pixels; honest sets that look alike are not refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from datamodules import PairedImages
from datamodules.data_errors import DataError
from datamodules.pairing.pairs import PairSettings, pair_folders
from datamodules.pairing.swapped_folders import refuse_swapped
from tests.helpers.real_data import REAL

RANDOM = np.random.default_rng(0)
Pixels = npt.NDArray[np.uint8]


def photograph() -> Pixels:
    return RANDOM.integers(0, 256, (64, 64, 3), np.uint8)


def classes() -> Pixels:
    grey = np.zeros((64, 64), np.uint8)
    grey[10:40, 20:50] = 255
    return grey


def many_cells() -> Pixels:
    """150 cells of 5 × 5 pixels, with the numbers 1 to 150."""
    return np.kron(np.arange(1, 170, dtype=np.uint8).reshape(13, 13), np.ones((5, 5), np.uint8))[:64, :64]


def scan() -> Pixels:
    """Black marks on white, as in scanned text or a stained tissue."""
    smooth = np.asarray(Image.fromarray(photograph()[..., 0]).filter(ImageFilter.GaussianBlur(3)))
    return np.where(smooth > 127, 0, 255).astype(np.uint8)


def jpeg_like() -> Pixels:
    """A mask with the fringe of a JPEG."""
    return np.array(Image.fromarray(classes()).filter(ImageFilter.GaussianBlur(2)))


def folders(root: Path, images: list[Pixels], gts: list[Pixels]) -> tuple[str, str]:
    for side, files in (("images", images), ("ground truth", gts)):
        (root / side).mkdir()
        for number, pixels in enumerate(files):
            Image.fromarray(pixels).save(root / side / f"{number}.png")
    return str(root / "images"), str(root / "ground truth")


def look(paths: tuple[str, str]) -> None:
    refuse_swapped(*paths, pair_folders(*paths, PairSettings()).pairs)


def test_swapped_folders_are_refused_with_the_flags_in_the_right_order(tmp_path: Path) -> None:
    images, gts = folders(tmp_path, [classes()] * 20, [photograph() for _ in range(20)])
    with pytest.raises(DataError) as error:
        look((images, gts))
    assert f'--image_path "{gts}" --gt_path {images}' in str(error.value)


@pytest.mark.parametrize("folder", ["dsb2018_mini", "bbbc039_mini16", "labelme_voc3", "vnc_tissue4"])
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the folder of real images beside the project")
def test_real_folders_are_recognised_when_swapped_and_only_then(folder: str) -> None:
    images, gts = str(REAL / folder / "images"), str(REAL / folder / "gt")
    look((images, gts))
    with pytest.raises(DataError, match="seem to be swapped"):
        look((gts, images))


@pytest.mark.parametrize(
    ("image", "gt"),
    [(scan, many_cells), (scan, classes), (scan, jpeg_like), (photograph, classes), (photograph, photograph)],
)
def test_honest_sets_that_look_alike_are_not_refused(
    tmp_path: Path, image: Callable[[], Pixels], gt: Callable[[], Pixels]
) -> None:
    look(folders(tmp_path, [image() for _ in range(6)], [gt() for _ in range(6)]))


def test_a_few_files_that_look_swapped_are_not_enough(tmp_path: Path) -> None:
    images = [classes()] * 3 + [photograph() for _ in range(5)]
    look(folders(tmp_path, images, [photograph() for _ in range(8)]))


def levels(count: int) -> Pixels:
    """Areas of so many grey levels (64, 512)."""
    numbers = np.arange(256).reshape(8, 32) * count // 256
    return np.kron(numbers, np.ones((8, 16))).astype(np.uint8)


def stripes(width: int) -> Pixels:
    """Two values, in columns of this width."""
    return np.tile((np.arange(120) // width % 2 * 255).astype(np.uint8), (64, 1))


@pytest.mark.parametrize(
    ("swapped", "honest"),
    [
        ([classes()] * 7 + [photograph()], [classes()] * 6 + [photograph()] * 2),  # seven of eight
        ([levels(64)] * 4, [levels(65)] * 4),
        ([stripes(12)] * 4, [stripes(8)] * 4),  # nine tenths of the neighbours are equal
    ],
)
def test_folders_are_swapped_from_each_threshold_on(
    tmp_path: Path, swapped: list[Pixels], honest: list[Pixels]
) -> None:
    (tmp_path / "honest").mkdir()
    look(folders(tmp_path / "honest", honest, [photograph() for _ in honest]))
    with pytest.raises(DataError, match="seem to be swapped"):
        look(folders(tmp_path, swapped, [photograph() for _ in swapped]))


def test_unreadable_files_are_left_to_the_checks_of_the_files(tmp_path: Path) -> None:
    paths = folders(tmp_path, [classes()] * 4, [photograph() for _ in range(4)])
    for path in Path(paths[1]).iterdir():
        path.write_bytes(b"no picture")
    look(paths)


def test_the_facts_refuse_swapped_folders_unless_a_pattern_says_what_is_meant(tmp_path: Path) -> None:
    paths = folders(tmp_path, [classes()] * 4, [photograph() for _ in range(4)])
    with pytest.raises(DataError, match="seem to be swapped"):
        list(PairedImages(*paths).find_facts())
    assert next(PairedImages(*paths, image_pattern="{stem}.*").find_facts()).settings["gt_pattern"] == "{stem}.*"
