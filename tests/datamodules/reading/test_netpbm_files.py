from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

PIXELS = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
GREY = PIXELS[:, :, 0]


def words(pixels: npt.NDArray[Any]) -> bytes:
    return " ".join(map(str, pixels.ravel())).encode()


@pytest.mark.parametrize(
    ("content", "pixels", "bits"),
    [
        (b"P5\n# a comment\n34 21\n255\n" + GREY.tobytes(), GREY, 8),
        (b"P5 34 21 4095 " + (GREY.astype(np.uint16) * 16).astype(">u2").tobytes(), GREY.astype(np.uint16) * 16, 12),
        (b"P5 34 21 4\n" + (GREY % 5).tobytes(), GREY % 5, 3),
        (b"P6 34 21 255\n" + PIXELS.tobytes(), PIXELS, 8),
        (
            b"P6 34 21 65535\n" + (PIXELS.astype(np.uint16) * 257).astype(">u2").tobytes(),
            PIXELS.astype(np.uint16) * 257,
            16,
        ),
        (b"P2 34 21\n255\n" + words(GREY), GREY, 8),
        (b"P3 34 #columns\n21 65535\n" + words(PIXELS), PIXELS.astype(np.uint16), 16),
        (b"P1 34 21\n" + bytes(48 + value for value in (GREY % 2).ravel()), 1 - GREY % 2, 1),
        (b"Pf 34 21 -1.0\n" + GREY[::-1].astype("<f4").tobytes(), GREY.astype(np.float32), 32),
        (b"PF 34 21 1.0\n" + PIXELS[::-1].astype(">f4").tobytes(), PIXELS.astype(np.float32), 32),
    ],
    ids=["P5", "P5 12 bit", "P5 labels", "P6", "P6 deep", "P2", "P3 deep", "P1", "Pf", "PF"],
)
def test_the_numbers_of_the_file_are_kept(
    tmp_path: Path,
    content: bytes,
    pixels: npt.NDArray[Any],
    bits: int,
) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    raster = read_raster(str(tmp_path / "a.pgm"))
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert (raster.pixels.dtype, raster.bits) == (pixels.dtype, bits)
    assert read_header(str(tmp_path / "a.pgm")).size == (21, 34)


def test_a_bitmap_is_read_as_pillow_has_written_it(tmp_path: Path) -> None:
    Image.fromarray(GREY > 100).save(tmp_path / "a.pbm")
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.pbm")).pixels, GREY > 100)


@pytest.mark.parametrize(
    "content",
    [
        b"P5 34 21 255\n" + bytes(700),
        b"P2 3 3 255\n1 2 3",
        b"P2 2 1 4\n1 5",
        b"P5 34 x 255\n",
        b"P5 34",
        b"P6 2 2 99999\n1",
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.pgm cannot be read as an image: "):
        read_raster(str(tmp_path / "a.pgm"))
