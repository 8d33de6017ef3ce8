import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from datamodules.reading.rasters import read_header, read_raster

NOISE = np.random.default_rng(0).integers(0, 256, (21, 34, 4), dtype=np.uint8)
PICTURES = [Image.fromarray(NOISE[:, :, :3]).rotate(angle) for angle in (0, 90, 180)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_of_each_mode(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(NOISE) if mode == "RGBA" else Image.fromarray(NOISE[:, :, 0]).convert(mode)
    image.save(tmp_path / "a.png")
    stored = np.array(image)
    raster = read_raster(str(tmp_path / "a.png"))
    pixels = stored if stored.ndim == 2 else stored[:, :, 0] if mode == "LA" else stored[:, :, :3]
    np.testing.assert_array_equal(raster.pixels, pixels)
    assert raster.pixels.dtype == np.uint8
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(raster.alpha, stored[:, :, -1])
    else:
        assert raster.alpha is None


@pytest.mark.parametrize(("bits", "row", "numbers"), [(2, b"\x1b", [0, 1, 2, 3]), (4, b"\x01\x9f", [0, 1, 9, 15])])
def test_the_numbers_of_two_and_four_bits_are_not_stretched(
    tmp_path: Path, bits: int, row: bytes, numbers: list[int]
) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0))
    content = header + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    raster = read_raster(str(tmp_path / "a.png"))
    np.testing.assert_array_equal(raster.pixels, [numbers])
    assert raster.bits == bits


def test_transparent_indices_and_colours_become_alpha(tmp_path: Path) -> None:
    indices = Image.fromarray(NOISE[:, :, 0] % 4, mode=None).convert("P")
    indices.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 9, 9, 9])
    indices.save(tmp_path / "index.png", transparency=2)
    indices.save(tmp_path / "table.png", transparency=b"\x00\x80")
    PICTURES[0].save(tmp_path / "key.png", transparency=PICTURES[0].getpixel((0, 0)))
    numbers = NOISE[:, :, 0] % 4
    one = read_raster(str(tmp_path / "index.png"))
    np.testing.assert_array_equal(one.alpha, np.where(numbers == 2, 0, 255))
    assert one.palette is not None
    np.testing.assert_array_equal(one.palette[:4], [[0, 0, 0], [255, 0, 0], [0, 255, 0], [9, 9, 9]])
    table = read_raster(str(tmp_path / "table.png"))
    np.testing.assert_array_equal(table.alpha, np.array([0, 128, 255, 255])[numbers])
    alpha = read_raster(str(tmp_path / "key.png")).alpha
    np.testing.assert_array_equal(alpha == 0, (NOISE[:, :, :3] == NOISE[0, 0, :3]).all(axis=2))


def test_a_palette_of_greys_is_grey_and_another_is_colour(tmp_path: Path) -> None:
    for name, colours in (("grey", [9, 9, 9, 80, 80, 80]), ("colour", [9, 9, 9, 80, 80, 81])):
        image = Image.fromarray(NOISE[:, :, 0] % 2).convert("P")
        image.putpalette(colours)
        for suffix in ("png", "gif", "bmp"):
            image.save(tmp_path / f"{name}.{suffix}")
            header = read_header(str(tmp_path / f"{name}.{suffix}"))
            assert header.channels == (1 if name == "grey" else 3)


def test_an_index_behind_the_end_of_a_palette_is_black(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).convert("P")
    image.putpalette([9, 8, 7, 80, 81, 82, 5, 5, 5, 6, 6, 6])
    image.save(tmp_path / "short.png")
    content = (tmp_path / "short.png").read_bytes()
    start = content.index(b"PLTE")
    chunk = content[start : start + 4 + 6]
    cut = struct.pack(">I", 6) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "short.png").write_bytes(content[: start - 4] + cut + content[start + 4 + 12 + 4 :])
    raster = read_raster(str(tmp_path / "short.png"))
    assert raster.palette is not None
    assert raster.palette[raster.pixels].tolist() == [[[9, 8, 7], [80, 81, 82]], [[0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(("name", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_the_pictures_of_an_animation_are_pages(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    PICTURES[0].save(tmp_path / "a", name, save_all=True, append_images=PICTURES[1:], **options)
    assert read_header(str(tmp_path / "a")).pages == 3
    for page, picture in enumerate(PICTURES):
        np.testing.assert_array_equal(read_raster(str(tmp_path / "a"), page).pixels, np.array(picture))


def test_the_pages_of_a_grey_gif_are_grey(tmp_path: Path) -> None:
    greys = [picture.convert("L") for picture in PICTURES]
    greys[0].save(tmp_path / "a.gif", save_all=True, append_images=greys[1:])
    header = read_header(str(tmp_path / "a.gif"))
    assert (header.pages, header.channels) == (3, 1)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.gif"), 2).pixels, np.array(greys[2]))


def test_a_second_picture_in_a_jpeg_is_no_page(tmp_path: Path) -> None:
    PICTURES[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=PICTURES[1:2])
    assert read_header(str(tmp_path / "a.jpg")).pages == 1


def decoded(image: Image.Image, name: str, options: dict[str, Any]) -> tuple[bytes, npt.NDArray[np.uint8]]:
    file = io.BytesIO()
    image.save(file, name, **options)
    with Image.open(file) as again:
        return file.getvalue(), np.array(again.convert("RGB"))


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [("RGB", "JPEG", {}), ("CMYK", "JPEG", {}), ("RGB", "WEBP", {}), ("RGB", "JPEG2000", {"no_jp2": True}),
     ("RGB", "JPEG2000", {}), ("RGB", "BMP", {}), ("RGB", "QOI", {}), ("RGB", "PCX", {}), ("RGB", "SGI", {})],
)  # fmt: skip
def test_colours_are_those_of_pillow(tmp_path: Path, mode: str, name: str, options: dict[str, Any]) -> None:
    content, expected = decoded(PICTURES[1].convert(mode), name, options)
    (tmp_path / "a").write_bytes(content)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a")).pixels, expected)
    assert read_header(str(tmp_path / "a")).is_converted == (mode == "CMYK")


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_orientation_is_found_and_not_applied(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    PICTURES[0].save(tmp_path / "a", name, exif=exif)
    header = read_header(str(tmp_path / "a"))
    assert (header.size, header.orientation) == ((21, 34), orientation)
    assert read_raster(str(tmp_path / "a")).orientation == orientation
