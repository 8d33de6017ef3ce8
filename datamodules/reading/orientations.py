"""The EXIF orientation of pixels, and which of them a ground truth follows."""

from typing import Any, NamedTuple

import numpy.typing as npt

from datamodules.reading.raster_form import FileHeader
from resume.system.output import text

Size = tuple[int, int]

SWAPPING = frozenset({5, 6, 7, 8})  # these swap width and height


class Pose(NamedTuple):
    """How a picture lies in its file.

    Attributes:
        size: Height and width as stored.
        orientation: The EXIF orientation, 1 to 8; None if the file does not state it.
    """

    size: Size
    orientation: int | None


class GtTurn(NamedTuple):
    """How a ground truth is to be turned before it lies on its image.

    Attributes:
        orientation: What to apply to its pixels; None: nothing.
        fits: Whether the two then have the same size.
        is_ambiguous: Whether it would fit as well if it were left as it is; only a setting can decide.
    """

    orientation: int | None
    fits: bool
    is_ambiguous: bool = False


def turned(array: npt.NDArray[Any], orientation: int | None) -> npt.NDArray[Any]:
    """Apply an EXIF orientation to (H, W) or (H, W, C). The result is a view."""
    if orientation in (3, 4, 6, 7):
        array = array[::-1]
    if orientation in (2, 3, 7, 8):
        array = array[:, ::-1]
    return array.swapaxes(0, 1) if orientation in SWAPPING else array


def upright(size: Size, orientation: int | None) -> Size:
    """Return the (height, width) that a picture has once its orientation is applied."""
    return size[::-1] if orientation in SWAPPING else size


def turn_of_gt(image: Pose | FileHeader, gt: Pose | FileHeader) -> GtTurn:
    """Decide how a ground truth is turned. Programs that draw masks often lose the tag of the photograph.

    A tag of its own decides. Without one, the ground truth of a turned image is turned alike if its size fits only the
    pixels as they are stored, and left as it is if its size fits only the turned image.
    """
    shown = upright(image.size, image.orientation)
    if gt.orientation is not None:
        return GtTurn(gt.orientation, upright(gt.size, gt.orientation) == shown)
    if image.orientation in (None, 1):
        return GtTurn(None, gt.size == shown)
    fits_stored, fits_shown = gt.size == image.size, gt.size == shown
    if fits_stored:
        return GtTurn(image.orientation, fits=True, is_ambiguous=fits_shown)
    return GtTurn(None, fits_shown)


def cause_of_sizes(image: Pose | FileHeader, gt: Pose | FileHeader) -> str | None:
    """Say why the sizes of an image and its ground truth differ, where that can be seen.

    Returns:
        A clause for the message about the two; None if nothing explains them.
    """
    shown = upright(image.size, image.orientation)
    mask = upright(gt.size, gt.orientation)
    if mask == shown:
        return None
    if mask[::-1] == shown:
        if image.orientation in SWAPPING or gt.orientation in SWAPPING:
            return text("an EXIF orientation turns one of the two")
        return text("one of the two lies on its side")
    for larger, smaller, message in (
        (shown, mask, text("the image is {factor} times as large")),
        (mask, shown, text("the ground truth is {factor} times as large")),
    ):
        factor = larger[0] // max(smaller[0], 1)
        if factor > 1 and larger == (smaller[0] * factor, smaller[1] * factor):
            return message.format(factor=factor)
    return None
