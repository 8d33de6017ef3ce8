"""What one decoded image holds: its values, and a small picture by which it is recognised under another name."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from datamodules.reading.raster_form import Pixels, Raster, colours_of

SMALL = (18, 16)  # width and height of the small picture
_READ = 32  # rows and columns of an image that are looked at for it, at least
_LUMINANCE = (0.299, 0.587, 0.114)  # as Pillow weighs colours
_ROWS = 8  # of so many rows, one is looked at


class ImageStats(NamedTuple):
    """What an image holds.

    Attributes:
        channels: Without alpha; the colours of a palette count.
        is_deep: Whether its numbers need the range of the data set.
        lowest, highest: Of the values; NaN where one of them is.
        values: Number of pixels times channels.
        at_lowest, at_highest: How many of them are equal to `lowest`, and to `highest`.
        means: Of up to three channels, from a grid of pixels.
        small: 288 grey levels, a picture of 16 rows; empty where a value is not finite.
        step: What one of these levels is in the values of the image.
    """

    channels: int
    is_deep: bool
    lowest: float
    highest: float
    values: int
    at_lowest: int = 0
    at_highest: int = 0
    means: tuple[float, ...] = ()
    small: bytes = b""
    step: float = 1.0


def image_statistics(raster: Raster) -> ImageStats:
    """Look at the pixels of an image."""
    # Where an alpha was taken away, the pixels lie apart in memory, and each look at them takes ten times as long.
    pixels = np.ascontiguousarray(colours_of(raster))
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    lowest, highest = pixels.min(), pixels.max()
    is_deep = raster.palette is None and pixels.dtype != np.uint8
    found = ImageStats(channels, is_deep, float(lowest), float(highest), pixels.size)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        return found
    means, small, step = _small(pixels[:, :, :3] if channels > 3 else pixels)
    at_lowest, at_highest = (int(np.count_nonzero(pixels == end)) for end in (lowest, highest))
    return found._replace(at_lowest=at_lowest, at_highest=at_highest, means=means, small=small, step=step)


def _small(pixels: Pixels) -> tuple[tuple[float, ...], bytes, float]:
    """The means of the channels, the small picture, and the step between its levels."""
    every = max(1, min(_ROWS, pixels.shape[0] // _READ))
    factors = max(1, pixels.shape[1] // _READ), max(1, pixels.shape[0] // _READ // every)
    rows = pixels[::every]
    if rows.dtype == np.uint8 and rows.shape[2:] in ((), (3,)):
        reduced = Image.fromarray(rows).reduce(factors)
        shown = np.asarray(reduced).reshape(-1, *rows.shape[2:])
        means = np.atleast_1d(np.ones(len(shown)) @ shown / len(shown))  # a fifth of the time of a sum
        return tuple(means.tolist()), reduced.convert("L").resize(SMALL, Image.Resampling.BOX).tobytes(), 1.0
    layers = [rows] if rows.ndim == 2 else [rows[..., channel] for channel in range(rows.shape[2])]
    pictures = [Image.fromarray(layer.astype(np.float32)).reduce(factors) for layer in layers]
    small = [np.asarray(picture.resize(SMALL, Image.Resampling.BOX)) for picture in pictures]
    grey = np.average(small, axis=0, weights=_LUMINANCE if len(small) == 3 else None)
    darkest, brightest = float(grey.min()), float(grey.max())
    step = (brightest - darkest) / 255 or 1.0
    means = np.array([np.asarray(picture).mean() for picture in pictures])
    return tuple(means.tolist()), np.rint((grey - darkest) / step).astype(np.uint8).tobytes(), step
