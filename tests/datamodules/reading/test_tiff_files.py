import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading import tiff_directories
from datamodules.reading.rasters import read_header, read_raster
from tests.helpers.real_data import REAL

REAL = REAL / "awkward_pillow" / "images"
SIZE = (21, 34)
Array = npt.NDArray[Any]


def noise(dtype: str, *shape: int) -> Array:
    generator = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return generator.random(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def written(path: Path, pixels: Array, **options: Any) -> str:
    tifffile.imwrite(path, pixels, **options)
    return str(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_of_every_type_and_byte_order_are_kept(tmp_path: Path, dtype: str, order: Any) -> None:
    pixels = noise(dtype, *SIZE)
    raster = read_raster(written(tmp_path / "a.tif", pixels, byteorder=order))
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert raster.pixels.dtype == np.dtype(dtype)


def test_half_floats_and_long_integers_get_the_next_type_that_holds_them(tmp_path: Path) -> None:
    assert read_raster(written(tmp_path / "a.tif", noise("float16", *SIZE))).pixels.dtype == np.float32
    long = np.array([[-5, 2**31 - 1]])
    np.testing.assert_array_equal(read_raster(written(tmp_path / "b.tif", long)).pixels, long)
    with pytest.raises(DataError, match="from 0 to 1099511627776, which need more than 32 bits"):
        read_raster(written(tmp_path / "c.tif", np.array([[0, 2**40]])))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "deflate", "predictor": True},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "packbits"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "deflate", "planarconfig": "separate"},
        {"planarconfig": "separate"},
        {"rowsperstrip": 4, "compression": "lzw"},
    ],
    ids=str,
)
def test_colours_of_sixteen_bits_are_read_whole_however_they_are_stored(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    pixels = noise("uint16", *SIZE, 3)
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    path = written(tmp_path / "a.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read_raster(path).pixels, pixels)
    header = read_header(path)
    assert header[:5] == (SIZE, None, 1, 3, 16)
    assert header.looks_whole


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_a_real_picture_of_sixteen_bits_keeps_what_its_copy_of_eight_bits_has_lost() -> None:
    deep = read_raster(str(REAL / "tiff_16bit_RGB.tiff")).pixels
    flat = read_raster(str(REAL / "tiff_16bit_RGB_target.png")).pixels
    assert np.abs(deep / 257 - flat).max() <= 1
    assert len(np.unique(deep)) > 256


def test_alpha_is_told_from_a_fourth_channel(tmp_path: Path) -> None:
    pixels = noise("uint8", *SIZE, 4)
    with_alpha = written(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    infrared = written(tmp_path / "b.tif", pixels, photometric="rgb", extrasamples=["unspecified"])
    raster = read_raster(with_alpha)
    np.testing.assert_array_equal(raster.pixels, pixels[:, :, :3])
    np.testing.assert_array_equal(raster.alpha, pixels[:, :, 3])
    assert read_raster(infrared).alpha is None
    np.testing.assert_array_equal(read_raster(infrared).pixels, pixels)
    assert [read_header(path).channels for path in (with_alpha, infrared)] == [3, 4]


def test_grey_with_alpha_is_grey(tmp_path: Path) -> None:
    pixels = noise("uint16", *SIZE, 2)
    options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    path = written(tmp_path / "a.tif", pixels, **options)
    raster = read_raster(path)
    np.testing.assert_array_equal(raster.pixels, pixels[:, :, 0])
    np.testing.assert_array_equal(raster.alpha, pixels[:, :, 1])
    assert read_header(path).channels == 1


def test_colours_that_were_multiplied_by_alpha_are_divided_unless_they_were_not_multiplied(tmp_path: Path) -> None:
    options = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    multiplied = np.array([[[40, 100, 0, 100], [0, 0, 0, 0]]], np.uint8)
    raster = read_raster(written(tmp_path / "a.tif", multiplied, **options))
    np.testing.assert_array_equal(raster.pixels, [[[102, 255, 0], [0, 0, 0]]])
    plain = np.array([[[50, 200, 0, 100], [9, 9, 9, 0]]], np.uint8)
    np.testing.assert_array_equal(read_raster(written(tmp_path / "b.tif", plain, **options)).pixels, plain[:, :, :3])


@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_six_channels_are_read(tmp_path: Path, layout: str) -> None:
    pixels = noise("uint16", *SIZE, 6)
    stored = pixels if layout == "contig" else np.moveaxis(pixels, -1, 0)
    path = written(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=layout)
    np.testing.assert_array_equal(read_raster(path).pixels, pixels)
    assert (read_header(path).channels, read_header(path).pages) == (6, 1)


def test_twelve_bits_that_are_packed_are_unpacked(tmp_path: Path) -> None:
    pixels = noise("uint16", *SIZE) & 4095
    raster = read_raster(written(tmp_path / "a.tif", pixels, bitspersample=12))
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert raster.bits == 12


def test_indices_come_with_their_palette(tmp_path: Path) -> None:
    indices = noise("uint8", *SIZE) % 5
    palette = noise("uint16", 3, 256)
    path = written(tmp_path / "a.tif", indices, photometric="palette", colormap=palette)
    raster = read_raster(path)
    assert raster.palette is not None
    np.testing.assert_array_equal(raster.pixels, indices)
    np.testing.assert_array_equal(raster.palette, (palette >> 8).T)
    assert read_header(path).has_palette


def test_one_bit_is_0_and_1_whoever_wrote_it(tmp_path: Path) -> None:
    mask = noise("uint8", *SIZE) > 100
    Image.fromarray(mask).save(tmp_path / "a.tif", compression="group4")
    for path in (str(tmp_path / "a.tif"), written(tmp_path / "b.tif", mask)):
        raster = read_raster(path)
        np.testing.assert_array_equal(raster.pixels, mask)
        assert raster.pixels.dtype == np.uint8
        assert raster.bits == 1


def test_zero_is_white_only_in_shallow_files_that_say_so(tmp_path: Path) -> None:
    shallow, deep = noise("uint8", *SIZE), noise("uint16", *SIZE)
    paths = [written(tmp_path / f"{p.dtype}.tif", p, photometric="miniswhite") for p in (shallow, deep)]
    np.testing.assert_array_equal(read_raster(paths[0]).pixels, 255 - shallow)
    np.testing.assert_array_equal(read_raster(paths[1]).pixels, deep)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_systems_of_colours_become_rgb_as_in_pillow(tmp_path: Path, mode: str) -> None:
    file = io.BytesIO()
    Image.frombytes(
        mode, SIZE[::-1], noise("uint8", SIZE[0] * SIZE[1] * len(Image.new(mode, (1, 1)).getbands())).tobytes()
    ).save(file, "TIFF")
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    with Image.open(file) as image:
        np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif")).pixels, np.array(image.convert("RGB")))
    assert read_header(str(tmp_path / "a.tif")).is_converted


def test_inks_of_sixteen_bits_become_rgb_of_sixteen_bits(tmp_path: Path) -> None:
    inks = np.array([[[0, 65535, 0, 0], [0, 0, 0, 65535], [0, 0, 0, 32768]]], np.uint16)
    path = written(tmp_path / "a.tif", inks, photometric="separated")
    np.testing.assert_array_equal(read_raster(path).pixels[0], [[65535, 0, 65535], [0, 0, 0], [32767] * 3])


def directory(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    listed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + listed + struct.pack("<I", following) + b"\0" * 400


PLAIN = [(256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 200),
         (277, 3, 1, 1), (278, 4, 1, 10), (279, 4, 1, 100)]  # fmt: skip


def test_a_directory_that_was_written_by_hand_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(directory(PLAIN))
    assert read_raster(str(tmp_path / "a.tif")).pixels.shape == (10, 10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (directory(PLAIN, following=8), "list of pages runs in a circle"),
        (directory(PLAIN, following=10**6), "cut short"),
        (directory([*PLAIN[:5], (273, 4, 2**31, 200), *PLAIN[6:]]), "promises more than the file holds"),
        (directory([(256, 4, 1, 10**5), (257, 4, 1, 10**5), *PLAIN[2:]]), "promises 10 GB of pixels, more than"),
        (directory([*PLAIN[:2], (258, 3, 1, 8), (322, 4, 1, 2**30), (323, 4, 1, 2**4), (324, 4, 1, 200),
                    (325, 4, 1, 100), (277, 3, 1, 1), (262, 3, 1, 1), (259, 3, 1, 8)]), "promises 17 GB of pixels"),
        (directory([(256, 4, 1, 0), *PLAIN[1:]]), "size is 0 × 10 pixels"),
        (b"MM\0*\0\0", "cut short"),
    ],
    ids=["loop", "far", "count", "bomb", "tile", "zero", "short"],
)  # fmt: skip
def test_a_hostile_directory_is_an_error_before_anything_is_decoded(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    for read in (read_header, read_raster):
        with pytest.raises(DataError, match=rf"a\.tif cannot be read as an image: .*{reason}"):
            read(str(tmp_path / "a.tif"))


def test_a_list_of_pages_without_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_directories, "_MOST", 99)
    links = b"".join(struct.pack("<HI", 0, 14 + 6 * number) for number in range(100))
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + links)
    with pytest.raises(DataError, match="more than 99 pages"):
        read_header(str(tmp_path / "a.tif"))


@pytest.mark.parametrize("tag", [(50706, 1, 4, 1), (262, 3, 1, 32803)], ids=["DNG", "mosaic"])
def test_a_raw_file_of_a_camera_is_named(tmp_path: Path, tag: tuple[int, int, int, int]) -> None:
    entries = [entry for entry in PLAIN if entry[0] != tag[0]]
    (tmp_path / "a.tif").write_bytes(directory([*entries, tag]))
    with pytest.raises(DataError, match=r"a\.tif is a camera's raw file\. .*darktable"):
        read_header(str(tmp_path / "a.tif"))
