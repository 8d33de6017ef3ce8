from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from datamodules.reading.image_stats import ImageStats, image_statistics
from datamodules.reading.raster_form import Raster
from datamodules.reading.rasters import read_raster
from datamodules.report.near_duplicates import near_duplicates
from tests.helpers.real_data import REAL

Pixels = npt.NDArray[np.uint8]


def scene(seed: int, side: int = 96) -> Pixels:
    """Some bright discs on a dark ground, in colour."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side, 3), 40, np.uint8)
    for _ in range(8):
        row, column, radius = rng.integers(0, side), rng.integers(0, side), rng.integers(5, 18)
        image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = rng.integers(60, 200, 3)
    return image


def seen(pixels: npt.NDArray[np.generic]) -> ImageStats:
    return image_statistics(Raster(pixels))


def brighter(image: Pixels, _: Path) -> Pixels:
    return (image * 1.2 + 10).astype(np.uint8)


def as_jpeg(image: Pixels, folder: Path) -> Pixels:
    Image.fromarray(image).save(folder / "a.jpg", quality=50)
    return read_raster(str(folder / "a.jpg")).pixels


def smaller(image: Pixels, _: Path) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR))


def in_16_bits(image: Pixels, _: Path) -> npt.NDArray[np.uint16]:
    return image.astype(np.uint16) * 13


@pytest.mark.parametrize("change", [brighter, as_jpeg, smaller, in_16_bits])
def test_a_changed_copy_of_a_training_image_is_found(
    change: Callable[[Pixels, Path], npt.NDArray[np.generic]], tmp_path: Path
) -> None:
    training = [seen(scene(number)) for number in range(6)]
    validation = [seen(scene(100)), None, seen(change(scene(3), tmp_path))]
    assert near_duplicates(training, validation) == [(2, 3, 0)]


def test_the_number_of_further_copies_is_told() -> None:
    same = seen(scene(1))
    assert [twin.others for twin in near_duplicates([same, same, seen(scene(2)), same], [same])] == [2]


def test_different_scenes_flat_images_and_noise_are_no_duplicates() -> None:
    rng = np.random.default_rng(0)
    noise = [seen(rng.integers(0, 12, (96, 96), dtype=np.uint8)) for _ in range(40)]
    flat = [seen(np.full((96, 96), level, np.uint8)) for level in (0, 0, 3, 200)]
    scenes = [seen(scene(number)) for number in range(200)]
    few = [seen(np.where(rng.random((96, 96)) < 0.001, np.uint8(255), np.uint8(0))) for _ in range(40)]
    assert near_duplicates([*noise[:20], *flat[:2], *scenes[:100], *few[:20]], [*noise[20:], *flat[2:]]) == []
    assert near_duplicates(scenes[:100], [*scenes[100:], *few]) == []


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
@pytest.mark.parametrize("name", ["dsb2018_mini", "bbbc039_mini16"])
def test_different_real_images_of_dark_scenes_are_no_duplicates(name: str) -> None:
    images = [seen(read_raster(str(path)).pixels) for path in sorted((REAL / name / "images").iterdir())]
    half = len(images) // 2
    assert near_duplicates(images[:half], images[half:]) == []
    assert len(near_duplicates(images, images)) >= len(images) - 2  # but two that show nothing


def small(pixels: npt.NDArray[np.floating], highest: float = 255.0, is_deep: bool = False) -> ImageStats:
    """An image with this picture of 8 × 9 pixels."""
    picture = pixels.round().astype(np.uint8).repeat(2, 0).repeat(2, 1)
    return ImageStats(1, is_deep, 0.0, highest, 1000, small=picture.tobytes())


RAMP = np.tile(np.linspace(20, 220, 9), (8, 1))


def test_eight_of_the_comparisons_of_neighbours_may_differ() -> None:
    for count, expected in ((8, 1), (9, 0)):
        changed = RAMP.copy()
        rows, columns = np.arange(count) % 8, 2 + 4 * (np.arange(count) // 8)
        changed[rows, columns] = changed[rows, columns - 1] - 1
        assert len(near_duplicates([small(RAMP)], [small(changed)])) == expected


def test_pictures_of_a_lower_correlation_are_no_duplicates() -> None:
    for power, expected in ((1.5, 1), (1.6, 0)):  # correlations of 0.987 and 0.982
        bent = 250 * (np.tile(np.arange(9.0), (8, 1)) / 8) ** power
        assert len(near_duplicates([small(RAMP)], [small(bent)])) == expected


def test_contrast_of_a_hundredth_of_the_range_or_half_a_level_is_noise() -> None:
    steps = np.zeros((8, 9))
    steps[:, 1::2] = 2  # its deviation is nearly 1
    for highest, is_deep, expected in ((95.0, True, 1), (105.0, True, 0), (95.0, False, 1), (105.0, False, 0)):
        one = small(steps, highest, is_deep)
        assert len(near_duplicates([one], [one])) == expected
    rare = np.zeros((8, 9))
    for level, expected in ((2, 0), (3, 1)):  # deviations of 0.46 and 0.69
        rare[:4, 1] = level
        one = small(rare, 20.0)
        assert len(near_duplicates([one], [one])) == expected
