"""Black and white with greys between them: what is cut at half, what is a class, and what is a doubt."""

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.gt.decision import GtSettings
from datamodules.gt.fringes import Verdict, fringe_of
from datamodules.gt.rules import decide
from datamodules.gt.stats import GtStats
from tests.helpers.drawn_gt import blurred, decided, disc, masks, scenes


def test_a_fringe_between_black_and_white_is_cut_at_half_and_its_share_is_said() -> None:
    for maps, threshold in (
        ([blurred(mask) for mask in masks()], 128),
        ([blurred(mask) for mask in masks(value=65535, dtype=np.uint16)], 32768),
        ([blurred(mask).astype(np.float32) / 255 for mask in masks()], 0.5),
        ([np.repeat(blurred(mask)[..., None], 3, axis=-1) for mask in masks()], 128),
    ):
        found = decided(maps)
        assert (found.reading, found.threshold, found.num_classes) == ("threshold", threshold, 2)
        assert "of the pixels are a fringe between black and white" in found.line


def test_a_mask_in_which_jpeg_has_changed_colours_a_little_is_cut_at_half() -> None:
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(blurred(mask)[..., None].astype(int) + rng.integers(-4, 5, (96, 96, 3)), 0, 255) for mask in masks()
    ]
    found = decided([pixels.astype(np.uint8) for pixels in noisy])
    assert (found.reading, found.threshold) == ("threshold", 128)


def test_flat_areas_of_grey_levels_are_classes_although_most_pixels_are_black_or_white() -> None:
    maps = [
        np.where(scene, np.array([0, 64, 128, 192, 255])[scene], 0).astype(np.uint8) for scene in scenes(range(1, 5))
    ]
    assert decided(maps).class_values == [0, 64, 128, 192, 255]
    few = np.where(disc(96, 40, 40, 6), 128, masks(1)[0]).astype(np.uint8)
    assert decided([few, few.T.copy()]).class_values == [0, 128, 255]


def test_a_thin_line_of_one_grey_level_is_a_doubt() -> None:
    maps = [mask.copy() for mask in masks()]
    for mask in maps:
        mask[:, 1:][mask[:, 1:] != mask[:, :-1]] = 128
    with pytest.raises(DataError, match=r"(?s)a fringe, or classes.*gt_reading threshold.*gt_reading values"):
        decided(maps)
    assert decided(maps, reading="values").class_values == [0, 128, 255]


def test_mixed_grey_levels_are_a_doubt_that_asks_for_the_original_files() -> None:
    maps = [blurred(np.where(disc(96, 40, 40, 9), 128, mask).astype(np.uint8)) for mask in masks()]
    with pytest.raises(DataError, match=r"(?s)has mixed, so that only the original files.*gt_reading threshold"):
        decided(maps)


def test_classes_in_jpeg_files_are_refused_unless_they_are_told() -> None:
    maps = scenes([1, 2, 3])
    with pytest.raises(DataError, match=r"(?s)\(JPEG, WebP\), which changes values.*as PNG.*gt_reading values"):
        decided(maps, is_lossy=True)
    assert decided(maps, is_lossy=True, reading="values").num_classes == 4
    assert decided([blurred(mask) for mask in masks()], is_lossy=True).reading == "threshold"


# --- where each threshold lies


def greys(between: int = 80, flat: int = 0, values: tuple[int, ...] = ()) -> Verdict:
    """What 1,000 pixels are, of which some lie between black and white."""
    one = GtStats("grey", 8, 1, 1000, scale=255.0, highest=255.0, low=500, high=500 - between, flat_between=flat)
    return fringe_of([one], values).verdict


def test_a_tenth_of_the_pixels_can_be_a_fringe() -> None:
    assert [greys(between) for between in (99, 101)] == [Verdict.FRINGE, Verdict.NONE]


def test_flat_pixels_between_black_and_white_are_areas_of_a_class() -> None:
    assert [greys(flat=flat) for flat in (4, 5, 40, 41)] == [
        Verdict.FRINGE, Verdict.UNCLEAR, Verdict.UNCLEAR, Verdict.NONE,
    ]  # fmt: skip


def test_one_grey_may_be_a_line_and_two_are_a_fringe() -> None:
    assert greys(values=(0, 128, 255)) is Verdict.UNCLEAR
    assert greys(values=(0, 100, 128, 255)) is Verdict.FRINGE


def test_numbers_up_to_63_beside_255_are_classes() -> None:
    assert greys(values=(0, 63, 255)) is Verdict.NONE
    assert greys(values=(0, 64, 255)) is Verdict.UNCLEAR


def test_colours_are_grey_up_to_one_colourful_pixel_in_a_thousand() -> None:
    def reading(colourful: int) -> str:
        one = GtStats(
            "colour", 8, 3, 1000, distinct=3, counts=((0, 500), (0x808080, 50), (0xFFFFFF, 450)), zeros=500,
            scale=255.0, highest=255.0, low=500, high=450, colourful=colourful,
        )  # fmt: skip
        return decide([one], lambda *_: [], GtSettings(num_classes=None)).reading

    assert [reading(colourful) for colourful in (1, 2)] == ["threshold", "colours"]
