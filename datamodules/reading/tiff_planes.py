"""Which planes of a TIFF file are its pages, and which are channels of one picture."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tifffile import TiffFile, TiffPage, TiffPageSeries

from datamodules.reading.opened_files import read_exactly
from datamodules.reading.raster_form import Pixels, UnreadableError
from datamodules.reading.tiff_directories import Directory
from resume.system.output import text

# Programs that describe a stack beside its planes. In other files, each page of the size of the first is a picture.
_DESCRIBED = ("shaped", "lsm", "ome", "imagej", "stk")
_PLANE_AXES = "YXS"


class Planes(NamedTuple):
    """The pictures of a file.

    Attributes:
        first: The description of the first plane.
        numbers: (pages, n), the planes that are the n channels of each page.
        series: The stack that the file describes; None: the planes are pages of the file.
    """

    first: TiffPage
    numbers: npt.NDArray[np.int64]
    series: TiffPageSeries | None = None


def planes_of(tif: TiffFile, listed: list[Directory]) -> Planes:
    """Find the pictures of a file; thumbnails and smaller copies are none.

    Raises:
        UnreadableError: What the file says of its planes does not fit together.
    """
    if any(getattr(tif, f"is_{kind}") for kind in _DESCRIBED):
        series = next((one for one in tif.series if not one.keyframe.is_reduced), None)
        if series is None:
            raise UnreadableError(text("it has no page"))
        return _of_series(series)
    if not listed:
        raise UnreadableError(text("it has no page"))
    chosen = next((number for number, one in enumerate(listed) if not one.is_reduced), 0)
    alike = [number for number, one in enumerate(listed) if one == listed[chosen]]
    page = tif.pages[chosen]
    assert isinstance(page, TiffPage)
    return Planes(page, np.array(alike, np.int64)[:, None])


def _of_series(series: TiffPageSeries) -> Planes:
    first = series.keyframe
    axes = [(axis, length) for axis, length in zip(series.axes, series.shape, strict=True) if axis not in _PLANE_AXES]
    count = math.prod(series.shape) // max(1, math.prod(first.shape))
    if math.prod(length for _, length in axes) != count:
        axes = [(axis, length) for axis, length in axes if axis != "C"]  # the channels are within each plane
    lengths = [length for _, length in axes]
    held = series.dataoffset is not None or count == len(series.pages)
    if math.prod(lengths) != count or count < 1 or not held:
        raise UnreadableError(text("what it says of its planes does not fit together"))
    channels = [number for number, (axis, _) in enumerate(axes) if axis == "C"]
    planes = math.prod(lengths[number] for number in channels)
    numbers = np.moveaxis(np.arange(count).reshape(lengths), channels, range(-len(channels), 0))
    return Planes(first, numbers.reshape(-1, planes), series)


def needed_bytes(planes: Planes) -> int:
    """Memory of the planes of one page."""
    first = planes.first
    assert first.dtype is not None
    return math.prod(first.shape) * first.dtype.itemsize * int(planes.numbers.shape[1])


def looks_whole(tif: TiffFile, planes: Planes) -> bool:
    """Whether all planes lie within the file, according to the directories."""
    size = tif.filehandle.size
    series = planes.series
    if series is not None and series.dataoffset is not None:
        return bool(series.dataoffset + len(planes.numbers) * needed_bytes(planes) <= size)
    for number in planes.numbers.ravel():
        page = tif.pages[int(number)] if series is None else series.pages[int(number)]
        if page is None:
            return False
        ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
        if max(ends, default=size + 1) > size:
            return False
    return True


def plane(tif: TiffFile, planes: Planes, number: int) -> Pixels:
    """Decode one plane: (H, W) or (H, W, samples)."""
    series, first = planes.series, planes.first
    if series is not None and series.dataoffset is not None:
        pixels = _stored(tif, planes, series.dataoffset, number)
    else:
        page = tif.pages[number] if series is None else series.pages[number]
        if page is None:
            raise UnreadableError(text("a part of it is missing"))
        pixels = page.asarray(maxworkers=1)  # the workers of a run are its threads
    if pixels.shape != first.shape:
        raise UnreadableError(text("what it says of its planes does not fit together"))
    return np.moveaxis(pixels, 0, -1) if first.axes.startswith("S") else pixels


def _stored(tif: TiffFile, planes: Planes, start: int, number: int) -> Pixels:
    """A plane of a stack that lies in the file as one block without compression."""
    first = planes.first
    assert first.dtype is not None
    dtype = first.dtype.newbyteorder(tif.byteorder)
    size = math.prod(first.shape) * dtype.itemsize
    tif.filehandle.seek(start + number * size)
    return np.frombuffer(read_exactly(tif.filehandle, size), dtype).reshape(first.shape)
