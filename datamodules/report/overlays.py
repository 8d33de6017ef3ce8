"""An image as people see it, and its ground truth drawn over it, in a given number of pixels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from datamodules.loading.target_resizing import resize_target
from datamodules.reading.orientations import turned
from datamodules.reading.raster_form import Raster, colours_of

Colours = npt.NDArray[np.uint8]  # (H, W, 3)
Classes = npt.NDArray[np.integer]  # (H, W)
Colour = tuple[int, int, int]

# Okabe and Ito (2008), "Color Universal Design": colour-blind people tell them apart. Black is left out.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)
IGNORED_GREY: Colour = (150, 150, 150)
FILL = 0.3  # opacity of a class inside its contour
_HATCH = 6  # pixels between two lines over what is not counted
_PERCENTILES = (2, 99.5)  # small bright objects would run together from the 98th on
_DARK = 100  # of 255: an image whose bright end is darker is shown brighter
_MOST_LOOKED_AT = 2**18  # pixels for the percentiles


def colour_of(class_id: int) -> Colour | None:
    """The colour of a class; None for the first one, which is not painted. Many classes get darker and paler ones."""
    if class_id <= 0:
        return None
    turn, place = divmod(class_id - 1, len(PALETTE))
    red, green, blue = PALETTE[place]
    if turn == 0:
        return red, green, blue
    strength = (0.55, 1.45, 0.8, 1.2)[(turn - 1) % 4]
    white = max(0.0, strength - 1)
    red, green, blue = (round(part * min(strength, 1) * (1 - white) + 255 * white) for part in (red, green, blue))
    return red, green, blue


def visible(raster: Raster) -> Colours:
    """An image upright in 8-bit colours; deep and dark ones are scaled by their percentiles.

    Of more than three channels, the first three are shown; of two, the first.
    """
    pixels = turned(colours_of(raster), raster.orientation)
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / _MOST_LOOKED_AT) ** 0.5))
    some = pixels[::step, ::step].astype(np.float64)
    some = some[np.isfinite(some)]
    low, high = np.percentile(some, _PERCENTILES).tolist() if some.size else (0.0, 0.0)
    if high <= low and some.size:
        low, high = float(some.min()), float(some.max())
    if pixels.dtype == np.uint8 and high > _DARK:
        shown = pixels
    else:
        scaled = (pixels.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-12))
        shown = np.nan_to_num(scaled, posinf=255, neginf=0).clip(0, 255).astype(np.uint8)
    return np.repeat(shown[:, :, None], 3, axis=2) if shown.ndim == 2 else np.ascontiguousarray(shown)


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The height and width in a square of `side` pixels: smaller ones grow by a whole number, larger ones shrink."""
    longest = max(size)
    if longest <= side:
        return size[0] * (side // longest), size[1] * (side // longest)
    return max(1, round(size[0] * side / longest)), max(1, round(size[1] * side / longest))


def resized_image(image: Colours, size: tuple[int, int]) -> Colours:
    """An image in the size that `fitted` gives."""
    grows = size[0] >= image.shape[0]
    how = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize(size[::-1], how))


def resized_classes(classes: Classes, size: tuple[int, int]) -> Classes:
    """Class ids in the size that `fitted` gives: each pixel has the class that covers most of it, as in training."""
    if size[0] >= classes.shape[0]:
        factor = size[0] // classes.shape[0]
        return classes.repeat(factor, axis=0).repeat(factor, axis=1)
    shrunk: Classes = resize_target(torch.from_numpy(np.ascontiguousarray(classes, dtype=np.int64)), size).numpy()
    return shrunk


def overlay(image: Colours, classes: Classes, ids: Sequence[int], ignored: int | None) -> Colours:
    """Draw class ids over an image of the same size: a light fill inside a contour of one pixel.

    Args:
        image: The image.
        classes: Its class ids.
        ids: The class ids that may occur.
        ignored: The number of pixels that are not counted; they are hatched. None: there are none.
    """
    drawn = image.astype(np.float32)
    inside = _has_equal_neighbours(classes)
    for class_id in ids:
        colour, here = colour_of(class_id), classes == class_id
        if colour is not None and class_id != ignored and here.any():
            drawn[here & inside] = drawn[here & inside] * (1 - FILL) + np.float32(FILL) * np.array(colour, np.float32)
            drawn[here & ~inside] = colour
    if ignored is not None:
        rows, columns = np.indices(classes.shape)
        drawn[(classes == ignored) & ((rows + columns) % _HATCH < _HATCH // 3)] = IGNORED_GREY
    return drawn.round().astype(np.uint8)


def _has_equal_neighbours(classes: Classes) -> npt.NDArray[np.bool_]:
    """Whether the four neighbours have the same class; the edge of the picture has none outside."""
    padded = np.pad(classes, 1, mode="edge")
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    equal: npt.NDArray[np.bool_] = np.logical_and.reduce([classes == one for one in around])
    return equal
