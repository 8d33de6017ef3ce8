from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

DEEP = np.random.default_rng(0).integers(0, 65536, (21, 34, 6), dtype=np.uint16)


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["png", "jp2"])
def test_sixteen_bits_are_kept_with_colours_and_alpha(tmp_path: Path, samples: int, name: str) -> None:
    pixels = np.ascontiguousarray(DEEP[:, :, :samples].squeeze())
    encode = imagecodecs.png_encode if name == "png" else imagecodecs.jpeg2k_encode
    options: dict[str, Any] = {} if name == "png" else {"level": 0, "reversible": True}
    (tmp_path / "a").write_bytes(encode(pixels, **options))
    raster, header = read_raster(str(tmp_path / "a")), read_header(str(tmp_path / "a"))
    colours = pixels if samples in (1, 3) else pixels[:, :, 0] if samples == 2 else pixels[:, :, :3]
    np.testing.assert_array_equal(raster.pixels, colours)
    assert raster.pixels.dtype == np.uint16
    assert (raster.bits, header.bits) == (16, 16)
    assert header.channels == (1 if samples < 3 else 3)
    if samples in (2, 4):
        np.testing.assert_array_equal(raster.alpha, pixels[:, :, -1])


def test_twelve_bits_of_jpeg_2000_are_not_shifted(tmp_path: Path) -> None:
    pixels = DEEP[:, :, 0] & 4095
    content = imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, bitspersample=12)
    (tmp_path / "a.jp2").write_bytes(content)
    raster = read_raster(str(tmp_path / "a.jp2"))
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert raster.bits == 12


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_six_channels_of_jpeg_2000_are_read(tmp_path: Path, dtype: type) -> None:
    pixels: npt.NDArray[Any] = (DEEP & 255).astype(dtype)
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True))
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.jp2")).pixels, pixels)
    assert read_header(str(tmp_path / "a.jp2")).channels == 6


@pytest.mark.parametrize("name", ["png", "jp2"])
@pytest.mark.parametrize("kept", [0.2, 0.7])
def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path, name: str, kept: float) -> None:
    encode = imagecodecs.png_encode if name == "png" else imagecodecs.jpeg2k_encode
    content = bytes(encode(DEEP[:, :, :3].copy()))
    (tmp_path / "a").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match="a cannot be read as an image: "):
        read_raster(str(tmp_path / "a"))
