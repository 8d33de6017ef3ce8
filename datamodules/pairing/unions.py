"""Several ground truth files that are one: each holds one object, and none overlap."""

from collections.abc import Sequence

import numpy as np

from datamodules.data_errors import DataError
from datamodules.reading.raster_form import Pixels, Raster, colours_of
from resume.system.output import one_line, text

# Share of the marked pixels that two files may both mark: borders that were drawn by hand touch.
_MOST_SHARED = 0.02
WHITE = 255


def union(files: Sequence[str], rasters: Sequence[Raster]) -> Raster:
    """Put the pixels of several files into one picture: the largest value of each pixel.

    A file that holds one number beside 0 marks with it; all such numbers mean the same, and become WHITE.

    Args:
        files: Their names, for messages.
        rasters: What they hold; of a single one, that is returned as it is.

    Raises:
        DataError: They differ in size or kind, or mark the same pixels.
    """
    if len(rasters) == 1:
        return rasters[0]
    first = rasters[0]._replace(pixels=_marks(rasters[0]), palette=None)
    largest, marks = first.pixels.copy(), np.zeros(first.pixels.shape[:2], np.uint16)
    for file, raster in zip(files, rasters, strict=True):
        pixels = _marks(raster)
        if pixels.shape != largest.shape:
            message = text("{path} is {size} pixels, but {first} is {first_size}; both belong to one image")
            raise DataError(
                message.format(
                    path=one_line(file), size=_size(pixels.shape), first=one_line(files[0]),
                    first_size=_size(largest.shape),
                )
            )  # fmt: skip
        largest = np.maximum(largest, pixels)
        marks += pixels != 0 if pixels.ndim == 2 else pixels.any(axis=-1)
    shared, marked = int((marks > 1).sum()), int((marks > 0).sum())
    if shared > _MOST_SHARED * marked:
        message = text(
            "{path} and the other files of its folder mark the same pixels ({shared} of {marked}), so they are no "
            "objects side by side. Name the file to use with --data.gt_pattern."
        )
        raise DataError(message.format(path=one_line(files[0]), shared=shared, marked=marked))
    return first._replace(pixels=largest, alpha=None)


def _marks(raster: Raster) -> Pixels:
    """The pixels, of a palette its colours: different files may have different palettes."""
    pixels = colours_of(raster)
    if pixels.ndim == 2 and np.count_nonzero(pixels) == np.count_nonzero(pixels == pixels.max(initial=0)):
        return np.where(pixels != 0, np.uint8(WHITE), np.uint8(0))
    return pixels


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]}"
