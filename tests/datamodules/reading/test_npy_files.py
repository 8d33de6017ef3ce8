from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

PIXELS = np.random.default_rng(0).integers(0, 65536, (21, 34, 6), dtype=np.uint16)


def saved(folder: Path, array: npt.NDArray[Any]) -> str:
    np.save(folder / "a.npy", array)
    return str(folder / "a.npy")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "float32", "float64", "<u2", ">u2", ">f4"])
def test_numbers_are_kept_in_the_byte_order_of_the_machine(tmp_path: Path, dtype: str) -> None:
    array = (PIXELS[:, :, 0] % 2).astype(dtype)
    raster = read_raster(saved(tmp_path, array))
    np.testing.assert_array_equal(raster.pixels, array)
    assert raster.pixels.dtype.isnative
    assert raster.pixels.dtype != np.bool_


@pytest.mark.parametrize("array", [PIXELS, np.moveaxis(PIXELS, -1, 0).copy(), np.asfortranarray(PIXELS)])
def test_the_short_axis_is_that_of_the_channels(tmp_path: Path, array: npt.NDArray[Any]) -> None:
    path = saved(tmp_path, array)
    np.testing.assert_array_equal(read_raster(path).pixels, PIXELS)
    header = read_header(path)
    assert (header.size, header.channels, header.bits) == ((21, 34), 6, 16)


@pytest.mark.parametrize("shape", [(1, 21, 34), (21, 34, 1)])
def test_one_channel_is_grey(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert read_raster(saved(tmp_path, PIXELS[:, :, 0].reshape(shape))).pixels.shape == (21, 34)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([[object()]]), "values of the type object"),
        (np.array([["a"]]), "values of the type <U1"),
        (np.zeros((2, 2), complex), "values of the type complex128"),
        (np.zeros((2, 3, 4, 5)), "array of 2 × 3 × 4 × 5; expected"),
        (np.zeros(7), "array of 7; expected"),
        (np.zeros((600, 3, 601), np.bool_), "array of 600 × 3 × 601"),
        (np.zeros((0, 4)), "size is 4 × 0 pixels"),
        (np.array([[2**40]]), "need more than 32 bits"),
    ],
    ids=["objects", "texts", "complex", "four axes", "one axis", "volume", "empty", "long"],
)
def test_what_is_no_picture_is_an_error(tmp_path: Path, array: npt.NDArray[Any], reason: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=rf"a\.npy cannot be read as an image: .*{reason}"):
        read_raster(str(tmp_path / "a.npy"))


def test_an_array_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    path = Path(saved(tmp_path, PIXELS))
    path.write_bytes(path.read_bytes()[:-1])
    assert not read_header(str(path)).looks_whole
    with pytest.raises(DataError, match="cut short"):
        read_raster(str(path))
