"""What readers of image files return, whatever the format."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from resume.system.output import text

Pixels = npt.NDArray[Any]


class UnreadableError(ValueError):
    """A file cannot be read as an image; the message is the reason, to follow the name of the file."""


class Raster(NamedTuple):
    """The pixels of one picture as its file holds them.

    Attributes:
        pixels: (H, W) if the file has one number a pixel (grey levels or palette indices), else (H, W, C) with C >= 2
            colour or measurement channels, without alpha. Native byte order: uint8 (also 0 and 1 of one bit, and the
            numbers of two and four bits), uint16, uint32, int8, int16, int32, float32 or float64.
        alpha: (H, W), or None if there is none.
        palette: uint8 (n, 3), a colour for each index that occurs and perhaps for more, or None.
        bits: Significant bits of a sample, as the file states them.
        orientation: The EXIF orientation, 1 to 8, which is not applied yet; None if the file does not state it.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    palette: npt.NDArray[np.uint8] | None = None
    bits: int = 8
    orientation: int | None = None


class FileHeader(NamedTuple):
    """What a file says of itself, without its pixels.

    Attributes:
        size: Height and width as stored, before the orientation is applied.
        orientation: The EXIF orientation, 1 to 8; None if the file does not state it.
        pages: The pictures of the same size as the first.
        channels: Colour or measurement channels without alpha; of a palette: 1 if all its colours are grey, else 3.
        bits: Significant bits of a sample.
        is_float: Whether the samples are floating-point numbers.
        has_alpha: Whether the file has an alpha channel or a transparent colour.
        has_palette: Whether the pixels are indices of a palette.
        looks_whole: Whether the file ends as its format ends; if not, only decoding shows whether it is damaged.
        bytes: Memory of one decoded page.
        is_converted: Whether its colours are of another system, and reading converts them to RGB.
        is_lossy: Whether its compression has changed the values, as JPEG does.
    """

    size: tuple[int, int]
    orientation: int | None
    pages: int
    channels: int
    bits: int
    is_float: bool
    has_alpha: bool
    has_palette: bool
    looks_whole: bool
    bytes: int
    is_converted: bool = False
    is_lossy: bool = False


def padded_palette(colours: npt.NDArray[np.uint8], indices: Pixels) -> npt.NDArray[np.uint8]:
    """Add black, as other programs do, for indices behind the end of a palette."""
    missing = int(indices.max(initial=0)) + 1 - len(colours)
    return np.pad(colours, ((0, missing), (0, 0))) if missing > 0 else colours


def is_grey(colours: npt.NDArray[np.uint8]) -> bool:
    """Whether R = G = B in all of these colours (n, 3)."""
    return bool((colours == colours[:, :1]).all())


def colours_of(raster: Raster) -> Pixels:
    """(H, W) or (H, W, C), with the colours in place of the indices of a palette."""
    if raster.palette is None:
        return raster.pixels
    return (raster.palette[:, 0] if is_grey(raster.palette) else raster.palette)[raster.pixels]


def plain_numbers(pixels: Pixels) -> Pixels:
    """Return the same numbers in native byte order, in one of the types that `Raster` names.

    Raises:
        UnreadableError: They are no numbers, or whole numbers beyond 32 bits.
    """
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8)
    if pixels.dtype.kind not in "uif":
        raise UnreadableError(text("it holds values of the type {type}, not plain numbers").format(type=pixels.dtype))
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32 if pixels.dtype.itemsize <= 4 else np.float64, copy=False)
    if pixels.dtype.itemsize == 8:
        lowest, highest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
        if lowest < -(2**31) or highest >= (2**32 if lowest >= 0 else 2**31):
            message = text("it holds whole numbers from {lowest} to {highest}, which need more than 32 bits")
            raise UnreadableError(message.format(lowest=lowest, highest=highest))
        return pixels.astype(np.int32 if lowest < 0 or highest < 2**31 else np.uint32)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
