import io
import os
import shutil
import socket
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading.pillow_files import without_pillow_warnings
from datamodules.reading.rasters import read_header, read_raster
from tests.helpers.real_data import REAL

AWKWARD = REAL / "awkward_pillow" / "images"
UNREADABLE = {"truncated_image.png", "truncated_jpeg.jpg", "zero_height.j2k"}
NOISE = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)

# What each of these files is: channels, bits, alpha, palette, orientation.
KINDS = {
    "12in16bit.tif": (1, 16, False, False, 1),
    "1_trns.png": (1, 1, True, False, None),
    "16bit.s.tif": (1, 16, False, False, None),
    "g4_orientation_6.tif": (1, 1, False, False, 6),
    "hopper_16bit.pgm": (1, 16, False, False, None),
    "hopper_gray_4bpp.tif": (1, 4, False, False, 1),
    "exif_imagemagick_orientation.png": (3, 8, False, False, 3),
    "i_trns.png": (1, 16, True, False, None),
    "invalid-exif.jpg": (3, 8, False, False, None),
    "la.tga": (1, 8, True, False, None),
    "multipage.tiff": (3, 1, False, True, 1),
    "p_trns_single.png": (3, 8, True, True, None),
    "pil123rgba.png": (3, 8, True, False, None),
    "pil_sample_cmyk.jpg": (3, 8, False, False, 1),
    "rgb_trns.png": (3, 8, True, False, None),
    "tiff_16bit_RGB.tiff": (3, 16, False, False, None),
    "tiff_16bit_RGBa.tiff": (3, 16, True, False, 1),
}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_header_and_pixels_of_every_awkward_file_say_the_same() -> None:
    with without_pillow_warnings():
        for path in sorted(REAL.glob("awkward_*/images/*")):
            if path.name in UNREADABLE:
                continue
            header, raster = read_header(str(path)), read_raster(str(path))
            assert header.size == raster.pixels.shape[:2], path
            assert (header.bits, header.orientation) == (raster.bits, raster.orientation), path
            assert (header.has_alpha, header.has_palette) == (raster.alpha is not None, raster.palette is not None), (
                path
            )
            assert header.has_palette or header.channels == (*raster.pixels.shape, 1)[2], path
            assert raster.alpha is None or raster.alpha.shape == header.size, path


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_awkward_file_is_what_it_is(name: str) -> None:
    header = read_header(str(AWKWARD / name))
    assert (header.channels, header.bits, header.has_alpha, header.has_palette, header.orientation) == KINDS[name]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_for_a_damaged_file_the_error_gives_name_and_reason(name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} cannot be read as an image: ."):
        read_raster(str(AWKWARD / name))


def test_the_reader_is_chosen_by_content(tmp_path: Path) -> None:
    file = io.BytesIO()
    for name in ("PNG", "TIFF", "PPM", "BMP"):
        file.seek(0)
        Image.fromarray(NOISE).save(file, name)
        (tmp_path / "a.jpg").write_bytes(file.getvalue())
        np.testing.assert_array_equal(read_raster(str(tmp_path / "a.jpg")).pixels, NOISE)
    np.save(tmp_path / "a.npy", NOISE)
    (tmp_path / "a.npy").rename(tmp_path / "a.png")
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.png")).pixels, NOISE)


def test_a_text_is_no_picture_even_if_its_name_says_so(tmp_path: Path) -> None:
    for name in ("text.png", "text.tif", "text.tga"):
        (tmp_path / name).write_text("hello, this is a text and no picture", encoding="utf-8")
        with pytest.raises(DataError, match=f"{name} cannot be read as an image: "):
            read_header(str(tmp_path / name))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_pipes_sockets_devices_and_loops_of_links_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "folder.png").mkdir()
    short = Path(os.path.relpath(tmp_path / "socket.png"))  # the path of a socket has at most 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short if len(str(short)) < len(str(tmp_path / "socket.png")) else tmp_path / "socket.png"))
        for name in ("pipe", "device", "loop", "folder", "socket"):
            with pytest.raises(DataError, match=rf"{name}\.png cannot be read as an image: "):
                read_header(str(tmp_path / f"{name}.png"))


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(side: int, bits: int, kind: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 9000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


GIF = b"GIF89a\xff\xff\xff\xff\x80\0\0" + b"\0" * 6 + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
NPY_HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999, 99999), }".ljust(117) + b"\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (png(60000, 8, 2), r"promises 11 GB of pixels, more than a file of \d+ B can hold"),
        (png(60000, 16, 6), "promises 29 GB of pixels"),
        (png(2**31 - 1, 1, 0), "promises .* TB of pixels"),
        (GIF, r"promises 4\.3 GB of pixels"),
        (BMP, "it needs 11 GB of memory, and 4.3 GB are allowed; --data.max_image_memory"),
        (b"P5 100000 100000 255\n1", "promises 10 GB"),
        (b"P4 200000 200000\n1", r"promises 5\.0 GB"),
        (b"P1 100000 100000\n1", "promises 10 GB"),
        (b"\x93NUMPY\1\0" + struct.pack("<H", len(NPY_HEADER)) + NPY_HEADER + b"\0" * 16, "promises 10.0 GB"),
    ],
    ids=["png", "png16", "png1", "gif", "bmp", "pgm", "pbm", "pbm text", "npy"],
)
def test_a_file_that_promises_more_than_it_can_hold_is_refused_by_its_header(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "a").write_bytes(content)
    for read in (read_header, read_raster):
        with pytest.raises(DataError, match=rf"a cannot be read as an image: .*{reason}"):
            read(str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("name", "mode", "side", "options"),
    [
        ("PNG", "1", 12000, {"compress_level": 9}),
        ("PNG", "L", 4200, {"compress_level": 9}),
        ("TIFF", "L", 4200, {"compression": "tiff_adobe_deflate"}),
        ("TIFF", "L", 4200, {"compression": "tiff_lzw"}),
        ("TIFF", "L", 4200, {"compression": "packbits"}),
        ("GIF", "L", 4200, {}),
        ("JPEG", "L", 4200, {"optimize": True, "progressive": True}),
    ],
)
def test_a_blank_picture_which_its_codec_makes_very_small_is_no_bomb(
    tmp_path: Path, name: str, mode: str, side: int, options: dict[str, Any]
) -> None:
    Image.new(mode, (side, side)).save(tmp_path / "a", name, **options)
    assert read_header(str(tmp_path / "a")).size == (side, side)


def test_the_limit_of_the_memory_is_that_of_the_caller(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.png")
    assert read_header(str(tmp_path / "a.png"), limit=NOISE.size).bytes == NOISE.size
    for read in (read_header, read_raster):
        with pytest.raises(DataError, match=r"needs 2\.1 kB of memory, and 2\.1 kB are allowed; --data\.max_image"):
            read(str(tmp_path / "a.png"), limit=NOISE.size - 1)


def corpus(folder: Path) -> list[bytes]:
    """A small file of each kind."""
    picture, grey = Image.fromarray(NOISE), Image.fromarray(NOISE[:, :, 0])
    for name in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "JPEG2000", "PPM", "TIFF"):
        picture.save(folder / name, name)
    grey.save(folder / "pages.gif", save_all=True, append_images=[grey.rotate(90)])
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    deep = NOISE.astype(np.uint16) * 257
    tifffile.imwrite(folder / "lzw.tif", deep, compression="lzw", tile=(16, 16), photometric="rgb")
    tifffile.imwrite(folder / "stack.tif", np.moveaxis(deep, -1, 0), imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(
        folder / "ome.tif", np.moveaxis(deep, -1, 0), ome=True, metadata={"axes": "CYX"}, photometric="minisblack"
    )
    np.save(folder / "a.npy", deep)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def harmed(content: bytes, generator: np.random.Generator) -> bytes:
    """The content with a part cut off, or some bytes changed, half of the time near its beginning."""
    if generator.random() < 0.2:
        return content[: generator.integers(1, len(content))]
    changed = bytearray(content)
    end = len(content) if generator.random() < 0.5 else min(300, len(content))
    for place in generator.integers(0, end, generator.integers(1, 6)):
        changed[place] = (0, 1, 127, 128, 255, int(generator.integers(256)))[generator.integers(6)]
    return bytes(changed)


def test_a_harmed_file_is_read_or_named_and_nothing_else_happens(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    (tmp_path / "whole").mkdir()
    sources = corpus(tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole")
    path = str(tmp_path / "harmed")
    errors: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(30 * len(sources)):
            Path(path).write_bytes(harmed(sources[number % len(sources)], generator))
            try:
                header = read_header(path, limit=2**26)
                raster = read_raster(path, min(header.pages, 100) - 1, limit=2**26)
                assert raster.pixels.shape[:2] == header.size
            except DataError as error:
                errors.append(str(error))
    assert len(errors) > 100
    assert all(error.startswith(path) for error in errors)
