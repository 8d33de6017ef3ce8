from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading import image_forms
from datamodules.reading.image_files import ImageForm, read_image
from datamodules.reading.image_forms import FoundForm, find_form, form_line
from datamodules.reading.rasters import FileHeader, read_header, read_raster
from tests.helpers.real_data import REAL

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def form_of(folder: Path, *arrays: npt.NDArray[Any]) -> FoundForm:
    """The form of a set of these arrays, of which the grey ones of 8 bits are PNG files and the others TIFF."""
    pages = []
    for number, array in enumerate(arrays):
        path = folder / f"{number}.png"
        if array.dtype == np.uint8 and (array.ndim == 2 or array.shape[2] == 3):
            Image.fromarray(array).save(path)
        else:
            kind = "rgb" if array.ndim == 3 and array.shape[2] == 3 else "minisblack"
            tifffile.imwrite(path, array, planarconfig="contig" if array.ndim == 3 else None, photometric=kind)
        pages.append((str(path), 0))
    return find_form(pages, len(pages), {})


COLOURS = np.dstack([RAMP, RAMP // 2, RAMP // 3])


@pytest.mark.parametrize(
    ("arrays", "channels"),
    [
        ([RAMP, RAMP], 1),
        ([RAMP, RAMP.astype(np.uint16)], 1),
        ([COLOURS], 3),
        ([RAMP, COLOURS, RAMP], 3),
        ([np.dstack([RAMP] * 5)] * 2, 5),
        ([np.dstack([RAMP] * 2)], 2),
    ],
)
def test_the_number_of_channels_follows_the_files(tmp_path: Path, arrays: list[Any], channels: int) -> None:
    assert form_of(tmp_path, *arrays).form.channels == channels


@pytest.mark.parametrize("others", [RAMP, COLOURS, np.dstack([RAMP] * 4)])
def test_numbers_of_channels_that_do_not_fit_together_are_an_error(tmp_path: Path, others: npt.NDArray[Any]) -> None:
    with pytest.raises(DataError, match=r"differ in their number of channels: .*5 \(.*\.png\)"):
        form_of(tmp_path, others, np.dstack([RAMP] * 5))


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("uint16", [0, 4095], (0, 4095)),
        ("uint16", [0, 4096], (0, 2**14 - 1)),
        ("uint16", [100, 1000], (0, 1023)),
        ("uint16", [0, 255], (0, 255)),
        ("uint16", [0, 256], (0, 1023)),
        ("uint16", [0, 1], (0, 1)),
        ("uint16", [0, 2], (0, 255)),
        ("uint16", [0, 65535], (0, 65535)),
        ("uint32", [0, 2**24 - 1], (0, 2**24 - 1)),
        ("uint32", [0, 2**32 - 1], (0, 2**32 - 1)),
        ("int16", [-1000, 3000], (-4096, 4095)),
        ("int16", [-1, 0], (-256, 255)),
        ("float32", [0, 4095], (0, 4095)),  # floats that are whole numbers
        ("float32", [0, 0.5, 1], (0, 1)),
        ("float32", [0, 1.5], (0, 2)),
        ("float32", [0.001, 0.003], (0, 2**-8)),  # as a part of 0 to 1 it would be black
        ("float32", [0.01, 1 / 16], (0, 1)),
        ("float64", [0.5, 254, 3, 7, 9], (0, 255)),  # resized from 8 bits
        ("float64", [0, 0, 0, 0, 1.5], (0, 2)),  # as a part of 0 to 255 it would be black
        ("float64", [0, 1, 2, 3, 7.5], (0, 8)),  # this too
        ("float64", [0.5, 100.25, 3.5, 7, 9], (0, 128)),  # measurements: 2 of 5 are whole
        ("float64", [0.5, 256, 3, 7, 9], (0, 512)),
        ("float64", [0, 4.0, 0.5], (0, 8)),  # a later value may be a little larger
        ("float32", [-0.5, 0.25], (-1, 1)),
        ("float32", [-3.5, 100.5], (-128, 128)),
        ("float64", [0.5, 1e12], (0, 2**40)),
    ],
)
def test_the_range_of_deep_files(
    tmp_path: Path, dtype: str, values: list[float], expected: tuple[float, float]
) -> None:
    array = np.array(values, dtype=dtype)
    found = form_of(tmp_path, array[None, :1], array[None, 1:])
    assert found.form.value_range == expected
    for number in (0, 1):  # and each file of the set can be read with it
        assert read_image(str(tmp_path / f"{number}.png"), found.form).max() <= 1


def test_a_set_of_eight_bits_is_divided_by_255_unless_it_holds_only_0_and_1(tmp_path: Path) -> None:
    assert form_of(tmp_path, RAMP, RAMP * 0).form == ImageForm(1, (0, 255), 255)
    assert form_of(tmp_path, (RAMP > 100).astype(np.uint8), (RAMP > 50).astype(np.uint8)).form.top_of_8_bits == 1
    assert form_of(tmp_path, (RAMP > 100).astype(np.uint8), RAMP // 100).form.top_of_8_bits == 255  # 0, 1 and 2
    assert form_of(tmp_path, RAMP * 0, RAMP * 0).form.top_of_8_bits == 255  # nothing is known


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_named(tmp_path: Path, value: float) -> None:
    with pytest.raises(DataError, match=r"1\.png cannot be read as an image: .*not finite"):
        form_of(tmp_path, np.ones((3, 4), np.float32), np.full((3, 4), value, np.float32))


def test_a_number_that_marks_missing_measurements_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0\.png holds the value -3\.40282e\+38, which no measurement has"):
        form_of(tmp_path, np.array([[0.5, np.finfo(np.float32).min]], np.float32))


def test_files_that_cannot_be_read_are_passed_over_unless_none_can(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    Image.fromarray(RAMP).save(tmp_path / "good.png")
    bad, good = (str(tmp_path / "bad.png"), 0), (str(tmp_path / "good.png"), 0)
    assert find_form([bad, good], 2, {}).looked_at == 1
    with pytest.raises(DataError, match=r"bad\.png cannot be read"):
        find_form([bad], 1, {})


def test_deep_files_are_decoded_with_progress_and_headers_that_are_known_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    for number in range(5):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, np.array([[0, 2000 + number]], np.uint16))
        pages.append((str(path), 0))
    known = {page: read_header(page[0]) for page in pages[:3]}
    done: list[tuple[int, int]] = []
    read: list[str] = []

    def header(path: str, limit: int | None) -> FileHeader:
        read.append(path)
        return read_header(path, limit)

    monkeypatch.setattr(image_forms, "read_header", header)
    found = find_form(pages, 20, known, lambda *counts: done.append(counts))
    assert (found.looked_at, found.of, found.highest) == (5, 20, 2004)
    assert done == [(number, 5) for number in range(1, 6)]
    assert sorted(read) == [path for path, _ in pages[3:]]


def test_the_line_says_what_was_found_and_the_flags(tmp_path: Path) -> None:
    line = form_line(form_of(tmp_path, RAMP.astype(np.uint16) * 18, COLOURS))
    assert line == (
        "Images: colour (1 in colour, 1 grey), from 2 files (--data.channels); 1 with more than 8 bits hold 0 to 3960, "
        "so 0 becomes 0 and 4095 becomes 1 (--data.image_range)"
    )
    assert form_line(form_of(tmp_path, RAMP)) == "Images: grey, from 1 file (--data.channels)"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
@pytest.mark.parametrize(
    ("folder", "form"),
    [
        ("bbbc039_mini16", ImageForm(1, (0, 4095))),
        ("dsb2018_mini", ImageForm(3, (0, 255))),
        ("bbbc007_crops4", ImageForm(1, (0, 255))),
        ("vnc_tissue4", ImageForm(1, (0, 255))),
        ("labelme_voc3", ImageForm(3, (0, 255))),
    ],
)
def test_the_form_of_real_sets(folder: str, form: ImageForm) -> None:
    files = sorted(str(path) for path in (REAL / folder / "images").iterdir())
    assert find_form([(file, 0) for file in files], len(files), {}).form == form
    assert read_image(files[0], form).max() > 0.01 * read_raster(files[0]).pixels.max() / form.value_range[1]
