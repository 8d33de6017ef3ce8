from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules import PairedImages
from datamodules.image_facts import ImageFacts, images_line, treatments_of
from datamodules.reading.orientations import upright
from datamodules.reading.rasters import read_header
from tests.helpers.real_data import REAL

STANDARDISED = "each standardised to mean 0 and standard deviation 1"


def facts_of(*files: Path) -> ImageFacts:
    facts = ImageFacts(Counter(), Counter())
    for file in files:
        header = read_header(str(file))
        facts.add(upright(header.size, header.orientation), treatments_of(header, 3))
    return facts


@pytest.mark.parametrize(
    ("sizes", "image_size", "said"),
    [
        ([(8, 8), (8, 8)], (8, 8), "images of 8 × 8 pixels"),
        ([(8, 8)], None, "images of 8 × 8 pixels"),
        ([(960, 999)], (256, 256), "images of 999 × 960 pixels, 1 resized to 256 × 256 (the proportions of 1 change)"),
        ([(16, 16), (8, 8), (9, 20)], (8, 8), "images of 8 × 8 to 16 × 16 pixels, 2 resized to 8 × 8"),
    ],
)
def test_the_sizes_and_the_resizing_are_said(
    sizes: list[tuple[int, int]], image_size: tuple[int, int] | None, said: str
) -> None:
    line = images_line(ImageFacts(Counter(sizes), Counter()), image_size)
    assert line.startswith(said)
    assert line.endswith(STANDARDISED)
    assert ("resized" in line) == ("resized" in said)


@pytest.mark.parametrize(
    ("mode", "options", "said"),
    [
        ("RGB", {}, ""),
        ("L", {}, "1 grey: repeated to three channels, "),
        ("LA", {}, "1 grey: repeated to three channels, 1 with alpha: dropped, "),
        ("RGBA", {}, "1 with alpha: dropped, "),
        ("P", {}, "1 with a palette: its colours, "),
        ("I;16", {}, "1 grey: repeated to three channels, "
                     "1 with more than 8 bits: in one range of values, "),
        ("CMYK", {"format": "TIFF"}, "1 in other colour systems: converted to RGB, "),
    ],
)  # fmt: skip
def test_what_reading_changes_is_said(tmp_path: Path, mode: str, options: dict[str, Any], said: str) -> None:
    file = tmp_path / "a"
    Image.new(mode, (4, 3)).save(file, **{"format": "PNG", **options})
    assert images_line(facts_of(file), None) == f"images of 4 × 3 pixels, {said}{STANDARDISED}"


def test_an_image_that_exif_turns_is_counted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg", exif=exif)
    assert images_line(facts_of(tmp_path / "a.jpg"), None).startswith("images of 3 × 4 pixels, 1 turned upright")


@pytest.mark.usefixtures("chinese")
def test_the_images_are_described_in_the_language_of_the_program() -> None:
    line = images_line(ImageFacts(Counter([(960, 999)]), Counter()), (256, 256))
    assert line == "图像 999 × 960 像素, 1 张缩放为 256 × 256 (其中 1 张宽高比改变), 每张标准化为均值 0、标准差 1"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_the_data_line_of_real_images_says_how_they_are_changed() -> None:
    folder = REAL / "dsb2018_mini"
    data = PairedImages(str(folder / "images"), str(folder / "gt"), image_size=256)
    data.check(every_gt=False)
    assert "; images of 256 × 256 to " in data.describe()
    assert "66 with alpha: dropped" in data.describe()
    resized = sum(np.array(Image.open(file)).shape[:2] != (256, 256) for file in (folder / "images").iterdir())
    assert f"{resized} resized to 256 × 256" in data.describe()
