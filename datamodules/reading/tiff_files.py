"""TIFF files, through tifffile: Pillow reads 8 bits of colours of 16, and no other numbers, stacks or channels."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from datamodules.data_errors import DataError
from datamodules.reading.foreign_formats import raw_sentence
from datamodules.reading.losses import LOSSY_TIFF
from datamodules.reading.memory_bounds import OF_TIFF, check_memory, check_pages, check_size
from datamodules.reading.opened_files import Opened
from datamodules.reading.pillow_files import raster_of_pillow
from datamodules.reading.raster_form import (
    FileHeader,
    Pixels,
    Raster,
    UnreadableError,
    is_grey,
    padded_palette,
    plain_numbers,
)
from datamodules.reading.tiff_directories import directories
from datamodules.reading.tiff_planes import Planes, looks_whole, needed_bytes, plane, planes_of
from resume.system.output import text

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it tells of every unusual tag; what matters is raised

_ALPHAS = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
_RAW = (PHOTOMETRIC.CFA, PHOTOMETRIC.LINEAR_RAW)
_LAB = (PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB)
_READ = (
    PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE, PHOTOMETRIC.MASK,
    PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR, *_LAB,
)  # fmt: skip
_ORIENTATION, _SUB_IFDS, _DNG_VERSION = 274, 330, 50706


@contextmanager
def _pictures(opened: Opened) -> Iterator[tuple[TiffFile, Planes]]:
    """Open a TIFF file whose directories are sound, and find its pictures."""
    listed = directories(opened.file, opened.size)
    opened.file.seek(0)
    with TiffFile(opened.file, _multifile=False) as tif:
        planes = planes_of(tif, listed)
        if _is_raw(opened, planes.first, tif):
            raise DataError(raw_sentence(opened))
        yield tif, planes


def _is_raw(opened: Opened, page: TiffPage, tif: TiffFile) -> bool:
    """Whether it is a camera's raw file (DNG, CR2, NEF, ARW)."""
    first = tif.pages[0]
    assert isinstance(first, TiffPage)
    if opened.head[8:10] == b"CR" or _DNG_VERSION in first.tags or page.photometric in _RAW:
        return True
    if _SUB_IFDS not in first.tags or not first.is_reduced:
        return False
    return any(isinstance(sub, TiffPage) and sub.photometric in _RAW for sub in first.pages or ())


def header_of_tiff(opened: Opened, limit: int | None) -> FileHeader:
    """Read the directories of a TIFF file; `limit` as in `rasters.read_header`."""
    with _pictures(opened) as (tif, planes):
        return _header(opened, tif, planes, limit)


def raster_of_tiff(opened: Opened, page: int, limit: int | None) -> Raster:
    """Decode a page of a TIFF file; `limit` as in `rasters.read_header`."""
    with _pictures(opened) as (tif, planes):
        header, first = _header(opened, tif, planes, limit), planes.first
        numbers = planes.numbers[page]
        if not _needs_pillow(first):
            parts = [plain_numbers(plane(tif, planes, int(number))) for number in numbers]
            return _raster(first, header, parts)
    return raster_of_pillow(opened, ("TIFF",), int(numbers[0]), limit)


def _needs_pillow(page: TiffPage) -> bool:
    """Whether its colours are of a system that Pillow converts to RGB, and tifffile does not."""
    is_jpeg = page.compression in (COMPRESSION.JPEG, COMPRESSION.OJPEG)
    return page.photometric in _LAB or (page.photometric == PHOTOMETRIC.YCBCR and not is_jpeg)


def _header(opened: Opened, tif: TiffFile, planes: Planes, limit: int | None) -> FileHeader:
    first = planes.first
    height, width = first.imagelength, first.imagewidth
    check_size(height, width)
    if first.imagedepth != 1 or first.photometric not in _READ or first.dtype is None:
        raise UnreadableError(text("it is a TIFF file of a rare kind ({kind})").format(kind=_kind(first)))
    bits = first.bitspersample if isinstance(first.bitspersample, int) else 8 * first.dtype.itemsize
    needed = max(needed_bytes(planes), _tile_bytes(first))
    is_sparse = 0 in first.databytecounts
    ratio = None if is_sparse else OF_TIFF.get(first.compression)
    check_memory(needed, needed * min(bits, 8) // 8, opened.size, ratio, limit)
    check_pages(len(planes.numbers), opened.size)
    orientation = first.tags.valueof(_ORIENTATION)
    is_turned = _needs_pillow(first)  # Pillow turns them itself
    size = (width, height) if is_turned and orientation in (5, 6, 7, 8) else (height, width)
    palette = _palette(first)
    return FileHeader(
        size=size,
        orientation=int(orientation) if orientation in range(1, 9) and not is_turned else None,
        pages=len(planes.numbers),
        channels=_channels(first, planes.numbers.shape[1]) if palette is None else 1 if is_grey(palette) else 3,
        bits=bits,
        is_float=first.dtype.kind == "f",
        has_alpha=_alpha_place(first) is not None,
        has_palette=palette is not None,
        looks_whole=looks_whole(tif, planes),
        bytes=needed,
        is_converted=first.photometric in (*_LAB, PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR),
        is_lossy=int(first.compression) in LOSSY_TIFF,
    )


def _kind(page: TiffPage) -> str:
    return f"{getattr(page.photometric, 'name', page.photometric)}, {page.dtype}, {page.imagedepth}"


def _tile_bytes(page: TiffPage) -> int:
    """Memory of one tile, which is decoded as a whole even if the picture is smaller."""
    assert page.dtype is not None
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    return page.tilewidth * page.tilelength * page.tiledepth * samples * page.dtype.itemsize if page.is_tiled else 0


def _channels(page: TiffPage, planes: int) -> int:
    if page.photometric in (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.YCBCR, *_LAB):
        return 3
    return (page.samplesperpixel - (_alpha_place(page) is not None)) * planes


def _alpha_place(page: TiffPage) -> int | None:
    """Which sample is alpha. One of no stated meaning, such as infrared beside RGB, is a channel."""
    extra = page.extrasamples
    return next((page.samplesperpixel - len(extra) + n for n, kind in enumerate(extra) if kind in _ALPHAS), None)


def _palette(page: TiffPage) -> Pixels | None:
    """The colours of a palette, uint8 (n, 3)."""
    if page.photometric != PHOTOMETRIC.PALETTE or page.colormap is None:
        return None
    colours = np.asarray(page.colormap)
    return np.ascontiguousarray((colours >> 8 if colours.max(initial=0) > 255 else colours).astype(np.uint8).T)


def _raster(page: TiffPage, header: FileHeader, parts: list[Pixels]) -> Raster:
    """Put the planes of a page together, and take alpha out of them."""
    alpha_place = _alpha_place(page)
    alpha = None
    if alpha_place is not None and parts[0].ndim == 3:
        alpha = parts[0][:, :, alpha_place]
        parts = [np.delete(part, alpha_place, axis=2) for part in parts]
        if page.extrasamples[alpha_place - page.samplesperpixel] == EXTRASAMPLE.ASSOCALPHA:
            parts = [_unmultiplied(part, alpha) for part in parts]
    if page.photometric == PHOTOMETRIC.SEPARATED:
        parts = [_rgb_of_inks(part) for part in parts]
    pixels = parts[0] if len(parts) == 1 else np.dstack(parts)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if _is_inverted(page, header):
        pixels = np.uint8(2**header.bits - 1) - pixels
    palette = _palette(page)
    if palette is not None:
        palette = padded_palette(palette, pixels)
    return Raster(pixels, alpha, palette, header.bits, header.orientation)


def _is_inverted(page: TiffPage, header: FileHeader) -> bool:
    """Whether 0 is white in a file of at most 8 bits; deeper ones hold measurements."""
    if page.photometric != PHOTOMETRIC.MINISWHITE or header.bits > 8:
        return False
    return header.bits > 1 or page.software != "tifffile.py"  # which writes 1 for True, and calls 1 black


def _unmultiplied(colours: Pixels, alpha: Pixels) -> Pixels:
    """Undo the multiplication of colours by alpha, which not every program does that states it."""
    if (colours > alpha[:, :, None]).any():
        return colours
    top = np.iinfo(colours.dtype).max if colours.dtype.kind in "ui" else 1
    scale = np.divide(top, alpha, out=np.ones(alpha.shape), where=alpha > 0)
    return np.rint(colours * scale[:, :, None]).astype(colours.dtype) if top != 1 else colours * scale[:, :, None]


def _rgb_of_inks(inks: Pixels) -> Pixels:
    """Convert cyan, magenta, yellow and black to RGB, as Pillow does."""
    if inks.dtype.kind != "u" or inks.ndim != 3 or inks.shape[2] < 4:
        raise UnreadableError(text("its colours are inks of an unknown kind"))
    top = np.iinfo(inks.dtype).max
    paper = top - inks[:, :, :4].astype(np.float64)
    return np.rint(paper[:, :, :3] * paper[:, :, 3:] / top).astype(inks.dtype)
