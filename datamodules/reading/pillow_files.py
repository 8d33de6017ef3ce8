"""Image files that Pillow decodes: PNG, JPEG, GIF, WebP, BMP, JPEG 2000 and rarer ones."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

from datamodules.reading.deep_files import codestream_form, deep_codestream, deep_png, png_depth
from datamodules.reading.file_ends import looks_whole
from datamodules.reading.losses import is_lossy
from datamodules.reading.memory_bounds import OF_FORMATS, check_memory, check_pages, check_size
from datamodules.reading.opened_files import Opened
from datamodules.reading.raster_form import (
    FileHeader,
    Pixels,
    Raster,
    UnreadableError,
    is_grey,
    padded_palette,
    plain_numbers,
)
from resume.system.output import text

# Pillow's limit protects web servers against hostile files; here, large microscope and satellite images must open, and
# `memory_bounds` protects against files that promise more than they hold.
Image.MAX_IMAGE_PIXELS = None

ORIENTED_PNG_KEYS = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_PALETTE_MODES = ("P", "PA")
_RGB_MODES = ("RGB", "RGBA", "RGBX", "RGBa")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_PAGED = ("GIF", "WEBP", "PNG", "AVIF")  # further pictures of a JPEG are previews, depth maps or another eye's view


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Suppress Pillow's warnings about unusual metadata in files that it can decode.

    Must not be used inside threads, because warning filters belong to the whole process.
    """
    with warnings.catch_warnings():
        ignore_pillow_warnings()
        yield


def ignore_pillow_warnings() -> None:
    """Suppress these warnings from here on, in a process that only reads files."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def header_of_pillow(opened: Opened, formats: tuple[str, ...], limit: int | None) -> FileHeader:
    """Read the header of a file in one of Pillow's formats; `limit` as in `rasters.read_header`."""
    if (header := _header_of_many_channels(opened, formats, limit)) is not None:
        return header
    with Image.open(opened.file, formats=formats) as image:
        return _header(opened, image, limit)


def raster_of_pillow(opened: Opened, formats: tuple[str, ...], page: int, limit: int | None) -> Raster:
    """Decode a page of a file in one of Pillow's formats; `limit` as in `rasters.read_header`."""
    if (header := _header_of_many_channels(opened, formats, limit)) is not None:
        return Raster(deep_codestream(opened, has_alpha=False)[0], bits=header.bits)
    with Image.open(opened.file, formats=formats) as image:
        bits, _ = _checked(opened, image, limit)
        return _page(opened, image, page, bits)


def picture_of_pillow(
    opened: Opened, formats: tuple[str, ...], page: int, limit: int | None
) -> tuple[FileHeader, Raster]:
    """As `header_of_pillow` and `raster_of_pillow` in one go, which opens the file once."""
    if (header := _header_of_many_channels(opened, formats, limit)) is not None:
        return header, Raster(deep_codestream(opened, has_alpha=False)[0], bits=header.bits)
    with Image.open(opened.file, formats=formats) as image:
        header = _header(opened, image, limit)
        return header, _page(opened, image, page, header.bits)


def _page(opened: Opened, image: ImageFile, page: int, bits: int) -> Raster:
    if bits > 8 and image.format in ("PNG", "JPEG2000") and not _is_grey_png(image):
        has_alpha = image.mode in _ALPHA_MODES
        deep = deep_png(opened, page) if image.format == "PNG" else deep_codestream(opened, has_alpha)
        orientation = _orientation(image)
        return Raster(plain_numbers(deep[0]), deep[1], bits=bits, orientation=orientation)
    is_grey_set = page > 0 and _channels(opened, image) == 1
    if page:
        image.seek(page)
    image.load()
    check_size(image.height, image.width)
    raster = _raster(image)
    if is_grey_set and raster.pixels.ndim == 3:  # Pillow has drawn it over the pages before
        raster = raster._replace(pixels=raster.pixels[:, :, 0])
    if bits in (2, 4) and image.mode == "L":  # Pillow has stretched the numbers to 8 bits
        raster = raster._replace(pixels=raster.pixels // (255 // (2**bits - 1)))
    return raster._replace(bits=bits, orientation=_orientation(image))


def _header_of_many_channels(opened: Opened, formats: tuple[str, ...], limit: int | None) -> FileHeader | None:
    """The header of a JPEG 2000 file that Pillow cannot open; None for others."""
    if formats != ("JPEG2000",) or (form := codestream_form(opened)) is None or form.channels <= 4:
        return None
    check_size(form.height, form.width)
    needed = form.height * form.width * form.channels * (1 if form.bits <= 8 else 2 if form.bits <= 16 else 4)
    check_memory(needed, needed, opened.size, None, limit)
    return FileHeader((form.height, form.width), None, 1, form.channels, form.bits, False, False, False, False, needed)


def _checked(opened: Opened, image: ImageFile, limit: int | None) -> tuple[int, int]:
    """Check what a header promises.

    Returns:
        The bits of a sample, and the memory of a decoded page.
    """
    check_size(image.height, image.width)
    bits = _bits(opened, image)
    depth = 1 if bits <= 8 else 2 if bits <= 16 else 4
    needed = image.width * image.height * len(image.getbands()) * depth
    depth_in_file = png_depth(opened.head) if image.format == "PNG" else bits
    packed = needed * min(depth_in_file, 8) // 8
    check_memory(needed, packed, opened.size, OF_FORMATS.get(image.format or ""), limit)
    return bits, needed


def _channels(opened: Opened, image: ImageFile) -> int:
    """1 or 3, without alpha."""
    is_single = _is_grey_alpha_png(opened, image) or image.mode.startswith(_GREY_MODES)
    return 1 if is_single or (image.mode in _PALETTE_MODES and _has_grey_palette(image)) else 3


def _header(opened: Opened, image: ImageFile, limit: int | None) -> FileHeader:
    bits, needed = _checked(opened, image, limit)
    pages = getattr(image, "n_frames", 1) if image.format in _PAGED else 1
    check_pages(pages, opened.size)
    has_palette = image.mode in _PALETTE_MODES
    channels = _channels(opened, image)
    return FileHeader(
        size=(image.height, image.width),
        orientation=_orientation(image),
        pages=pages,
        channels=channels,
        bits=bits,
        is_float=image.mode == "F",
        has_alpha=image.mode in _ALPHA_MODES or "transparency" in image.info,
        has_palette=has_palette,
        looks_whole=looks_whole(image),
        bytes=needed,
        is_converted=channels == 3 and not has_palette and image.mode not in _RGB_MODES,
        is_lossy=is_lossy(opened, image.format),
    )


def _bits(opened: Opened, image: ImageFile) -> int:
    """Bits of a sample in the file."""
    if image.format == "JPEG2000":
        form = codestream_form(opened)
        return 8 if form is None else max(8, form.bits)
    if image.format == "PNG" and image.mode not in _PALETTE_MODES:
        return png_depth(opened.head)
    if image.mode == "1":
        return 1
    if image.mode in ("I", "F"):
        return 32
    return 16 if image.mode.startswith("I;16") else 8


def _is_grey_alpha_png(opened: Opened, image: ImageFile) -> bool:
    """Whether it is a PNG of grey and alpha, which Pillow reads as RGBA if it has 16 bits."""
    return image.format == "PNG" and opened.head[25] == 4


def _is_grey_png(image: ImageFile) -> bool:
    return image.format == "PNG" and image.mode.startswith("I;16")


def _orientation(image: ImageFile) -> int | None:
    if image.format == "TIFF":  # Pillow has already turned it
        return None
    if image.format == "PNG" and not ORIENTED_PNG_KEYS & image.info.keys():
        return None  # getexif() would decode the whole file to look for a late chunk, unless it is decoded
    stated = image.getexif().get(Base.Orientation)
    return int(stated) if isinstance(stated, int) and 1 <= stated <= 8 else None


def _has_grey_palette(image: ImageFile) -> bool:
    palette = image.palette
    if palette is None or not (palette.rawmode or palette.mode).startswith(("RGB", "BGR")):
        return False
    step = len(palette.rawmode or palette.mode)
    colours = np.frombuffer(bytes(palette.palette), np.uint8)
    if ";" in (palette.rawmode or "") or colours.size % step:
        return False
    return is_grey(colours.reshape(-1, step)[:, :3])


def _raster(image: ImageFile) -> Raster:
    """Take the pixels out of an image that is decoded."""
    mode = image.mode
    if mode in _PALETTE_MODES:
        return _indices(image)
    if mode in ("La", "RGBa"):
        return _with_alpha(np.array(image.convert("LA" if mode == "La" else "RGBA")))
    if mode in ("LA", "RGBA"):
        return _with_alpha(np.asarray(image))
    if mode == "RGBX":
        return Raster(np.array(image)[:, :, :3])
    if mode not in ("RGB", *_GREY_MODES) and not mode.startswith("I;16"):
        return Raster(np.array(image.convert("RGB")))
    pixels = np.asarray(image)  # read-only: a copy takes as long as half of the decoding
    return Raster(plain_numbers(pixels), _alpha_of_key(pixels, image.info.get("transparency")))


def _with_alpha(pixels: Pixels) -> Raster:
    return Raster(pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :3], pixels[:, :, -1])


def _alpha_of_key(pixels: Pixels, key: Any) -> Pixels | None:
    """Alpha 0 where a pixel has the one value, or the one colour, that a file calls transparent."""
    if key is None or isinstance(key, bytes):
        return None
    is_opaque = (pixels != np.array(key)).any(axis=2) if pixels.ndim == 3 else pixels != key
    return np.where(is_opaque, np.uint8(255), np.uint8(0))


def _indices(image: ImageFile) -> Raster:
    both = np.array(image)
    indices, alpha = (both[:, :, 0], both[:, :, 1]) if image.mode == "PA" else (both, None)
    listed = image.getpalette("RGB")
    if listed is None:
        raise UnreadableError(text("it has indices of a palette, but no palette"))
    palette = padded_palette(np.array(listed, np.uint8).reshape(-1, 3), indices)
    transparent = image.info.get("transparency")
    if alpha is None and transparent is not None:
        table = np.full(256, 255, np.uint8)
        if isinstance(transparent, bytes):
            table[: len(transparent)] = np.frombuffer(transparent, np.uint8)[:256]
        else:
            table[transparent] = 0
        alpha = table[indices]
    return Raster(indices, alpha, palette)
