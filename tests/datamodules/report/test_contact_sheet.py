import numpy as np
import pytest

from datamodules.report.contact_sheet import GAP, MARGIN, Entry, Sheet, Shown, draw_sheet
from datamodules.report.overlays import PALETTE
from datamodules.report.picture_text import drawable, shortened, wrapped

LEGEND = [Entry(0, "background"), Entry(1, "cell"), Entry(None, "(not counted)")]


def pair(name: str, size: int = 103) -> Shown:
    classes = np.zeros((size, size), np.int32)
    classes[size // 4 : size // 2, size // 4 :] = 1
    return Shown(np.full((size, size, 3), 90, np.uint8), classes, name, "note")


@pytest.mark.parametrize("count", [0, 1, 4, 5, 12])
def test_the_sheet_is_as_wide_for_every_number_of_pairs_and_grows_by_rows(count: int) -> None:
    sheet = draw_sheet(Sheet("title", ["line"], [pair(f"{number}.png") for number in range(count)], LEGEND, 255))
    assert abs(sheet.width - 1337) < 10
    rows = -(-count // (2 if count <= 4 else 3))
    assert sheet.height > 100 + rows * (300 if 0 < count <= 4 else 206)


def test_image_and_ground_truth_are_where_a_reader_looks_for_them_in_the_right_colours() -> None:
    drawn = np.asarray(draw_sheet(Sheet("t", [], [pair(f"{number}") for number in range(5)], LEGEND, None)))
    grey = np.argwhere((drawn == 90).all(axis=2))
    top, left = int(grey[:, 0].min()), int(grey[:, 1].min())
    assert left == MARGIN
    assert (drawn[top : top + 206, left : left + 206] == 90).all()
    over = drawn[top : top + 206, left + 206 + GAP : left + 2 * 206 + GAP]
    assert (over[:48] == 90).all()
    assert tuple(over[50, 120]) == PALETTE[0]  # 25 pixels from above, twice as large
    assert over[75, 120].tolist() == [round(0.7 * 90 + 0.3 * part) for part in PALETTE[0]]


def test_what_no_font_has_is_escaped_and_other_names_are_drawn_as_they_are() -> None:
    assert drawable("cell_1 (copy).png", 12)[0] == "cell_1 (copy).png"
    assert drawable("a\uffffb", 12)[0] == "a\\uffffb"


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    shown, font = shortened("patient_17_" + "x" * 200 + "_slice_003.png", 15, 300)
    assert font.getlength(shown) <= 300
    assert shown.startswith("patient_17_")
    assert shown.endswith("_slice_003.png")


def test_a_long_line_is_wrapped_at_its_spaces() -> None:
    words = ["word"] * 60
    lines = wrapped(" ".join(words), 15, 400)
    assert len(lines) > 3
    assert " ".join(lines).split(" ") == words
