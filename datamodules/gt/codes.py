"""One whole number for each pixel of the ground truth: its code, by one of several readings of the file."""

from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.reading.rasters import Raster
from resume.system.output import text

CLASS_READINGS = ("values", "indices", "colours")  # in which each code is a class
READINGS = (*CLASS_READINGS, "nonzero", "threshold", "alpha")
Codes = npt.NDArray[np.integer]
CHROMA = 32  # JPEG moves the channels of a grey pixel apart by no more than this
_LARGEST_WHOLE = 2.0**53  # larger numbers of a float file are no longer exact


def codes(raster: Raster, reading: str, threshold: float | None) -> Codes:
    """Read the pixels as codes.

    Args:
        raster: The file.
        reading: One of READINGS. `values`: the number of the pixel, a grey palette's grey level, or the number that all
            three channels share. `indices`: the index into the palette, or the number of the pixel. `colours`:
            red << 16 | green << 8 | blue. `nonzero`: 1 where any channel is not 0. `threshold`: 1 where the grey value
            is at least `threshold`. `alpha`: 1 where alpha is at least half of its range.
        threshold: For the reading `threshold`.

    Returns:
        Integers (H, W).

    Raises:
        ValueError: The file cannot be read like this; the message completes "… cannot be used: ".
    """
    if reading == "values":
        return _values(raster)
    if reading == "indices":
        return _indices(raster)
    if reading == "colours":
        return colour_codes(raster)
    if reading == "nonzero":
        return _nonzero(raster)
    if reading == "threshold":
        assert threshold is not None
        return (grey_levels(raster) >= threshold).astype(np.uint8)
    assert reading == "alpha", reading
    if raster.alpha is None:
        raise ValueError(text("it has no transparency"))
    return (raster.alpha >= top_of(raster.alpha) / 2).astype(np.uint8)


def whole_numbers(pixels: npt.NDArray[Any]) -> Codes | None:
    """The numbers (H, W) as integers; None where some are fractions, no numbers, or too large."""
    if np.issubdtype(pixels.dtype, np.integer):
        return pixels
    largest = float(np.abs(pixels).max(initial=0))
    if not largest <= _LARGEST_WHOLE:  # also where it is no number
        return None
    whole = pixels.astype(np.int64)
    return whole if bool((whole == pixels).all()) else None


def shared_number(pixels: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """The number (H, W) that all channels of (H, W, 3) share; None where they differ."""
    first = pixels[..., 0]
    if all(bool((pixels[..., channel] == first).all()) for channel in range(1, pixels.shape[-1])):
        return first
    return None


def top_of(samples: npt.NDArray[Any]) -> float:
    """The largest sample that the type stands for: 1 for floats."""
    return float(np.iinfo(samples.dtype).max) if np.issubdtype(samples.dtype, np.integer) else 1.0


def eight_bits(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Colours (H, W, 3) with 8 bits a channel; deeper ones are scaled, unless their numbers fit into 8 bits.

    Raises:
        ValueError: They are not whole numbers, or negative.
    """
    if pixels.dtype == np.uint8:
        return pixels
    highest = float(pixels.max(initial=0))
    if not np.issubdtype(pixels.dtype, np.integer) and highest <= 1:
        return np.asarray(np.rint(pixels * 255).astype(np.uint8))
    whole = whole_numbers(pixels)
    if whole is None or int(whole.min(initial=0)) < 0 or highest > 65535:
        raise ValueError(text("its colours are not whole numbers from 0 to 65535"))
    scaled = whole if highest <= 255 else (whole.astype(np.uint32) + 128) // 257
    return np.asarray(scaled.astype(np.uint8))


def colour_codes(raster: Raster) -> Codes:
    """The colours as red << 16 | green << 8 | blue (H, W).

    Raises:
        ValueError: The file holds no colours.
    """
    if raster.palette is not None:
        packed: Codes = pack(raster.palette)[raster.pixels]
        return packed
    if raster.pixels.ndim == 2:
        number = whole_numbers(raster.pixels)
        if number is None or int(number.min(initial=0)) < 0 or int(number.max(initial=0)) > 255:
            raise ValueError(text("it holds numbers, but colours are expected"))
        return np.multiply(number, 0x010101, dtype=np.int32, casting="unsafe")
    if raster.pixels.shape[-1] != 3:
        raise ValueError(channels_text(raster))
    return pack(eight_bits(raster.pixels))


def pack(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Pack uint8 (…, 3) to int32 (…)."""
    packed = colours[..., 0].astype(np.int32)
    for channel in (1, 2):
        packed <<= 8
        packed |= colours[..., channel]
    return packed


def channels_text(raster: Raster) -> str:
    """What is wrong with a file of two channels, or of more than three."""
    return text("it has {count} channels; one number or one colour a pixel is expected").format(
        count=raster.pixels.shape[-1]
    )


def grey_levels(raster: Raster) -> npt.NDArray[Any]:
    """The brightness (H, W) of a grey file, or of one whose colours are nearly grey.

    Raises:
        ValueError: The file is colourful, or holds NaN.
    """
    pixels = raster.pixels
    if raster.palette is not None:
        pixels = raster.palette[pixels]
    if pixels.ndim == 2:
        if np.issubdtype(pixels.dtype, np.floating) and bool(np.isnan(pixels).any()):
            raise ValueError(text("it holds values that are not finite numbers"))
        return pixels
    if pixels.shape[-1] != 3:
        raise ValueError(channels_text(raster))
    shared = shared_number(pixels)
    if shared is not None:
        return shared
    if colourful(eight_bits(pixels)) * 100 > pixels.shape[0] * pixels.shape[1]:
        raise ValueError(text("it holds colours, but grey values are expected"))
    return np.asarray(pixels.mean(axis=-1, dtype=np.float32))


def colourful(pixels: npt.NDArray[np.uint8]) -> int:
    """Number of pixels of uint8 (H, W, 3) whose channels differ by more than JPEG makes them differ."""
    return int(np.count_nonzero(pixels.max(axis=-1) - pixels.min(axis=-1) > CHROMA))


def _values(raster: Raster) -> Codes:
    pixels = raster.pixels
    if raster.palette is not None:
        greys = raster.palette[pixels]
        if shared_number(greys) is None:
            raise ValueError(text("its palette has colours, but grey values are expected"))
        return greys[..., 0].astype(np.uint8)
    if pixels.ndim == 3:
        if pixels.shape[-1] != 3:
            raise ValueError(channels_text(raster))
        shared = shared_number(pixels)
        if shared is None:
            raise ValueError(text("it holds colours, but one number a pixel is expected"))
        pixels = shared
    return _whole(pixels)


def _whole(pixels: npt.NDArray[Any]) -> Codes:
    whole = whole_numbers(pixels)
    if whole is None:
        if not bool(np.isfinite(pixels).all()):
            raise ValueError(text("it holds values that are not finite numbers"))
        raise ValueError(text("it holds fractions, but whole numbers are expected"))
    return whole


def _indices(raster: Raster) -> Codes:
    if raster.pixels.ndim == 3:
        raise ValueError(text("it has no palette, but indices into a palette are expected"))
    return _whole(raster.pixels)


def _nonzero(raster: Raster) -> Codes:
    pixels = raster.pixels
    if raster.palette is not None:
        pixels = colour_codes(raster)
    if np.issubdtype(pixels.dtype, np.floating) and bool(np.isnan(pixels).any()):
        raise ValueError(text("it holds values that are not finite numbers"))
    filled: npt.NDArray[np.bool_] = (pixels != 0) if pixels.ndim == 2 else (pixels != 0).any(axis=-1)
    return filled.astype(np.uint8)
