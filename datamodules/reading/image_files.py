"""Images as tensors, all of a data set in one form."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datamodules.data_errors import DataError
from datamodules.reading.image_stats import ImageStats
from datamodules.reading.raster_form import Pixels, Raster, colours_of
from datamodules.reading.rasters import read_raster, turned
from resume.system.output import one_line, text


class ImageForm(NamedTuple):
    """What all images of a data set have in common, decided once and kept in the run.

    Attributes:
        channels: Of the tensors: 1 (grey), 3 (colour), or the number of measurements a pixel.
        value_range: Of files with more than 8 bits: the values that become 0 and 1.
        top_of_8_bits: Of files with 8 bits: the value that becomes 1; 255, or 1 where they hold only 0 and 1.
    """

    channels: int = 3
    value_range: tuple[float, float] = (0.0, 255.0)
    top_of_8_bits: int = 255


def read_image(path: str, form: ImageForm, page: int = 0, limit: int | None = None) -> Tensor:
    """Read an image upright, in the form of its data set. Alpha is dropped.

    Args:
        path: The file.
        form: Grey becomes three channels if the form has three.
        page: The number of the page, from 0.
        limit: As in `rasters.read_header`.

    Returns:
        float32 (C, H, W) in [0, 1].

    Raises:
        DataError: The file cannot be read, does not fit the form, or holds values that are not finite numbers.
    """
    return image_tensor(read_raster(path, page, limit), form, path)


def image_tensor(raster: Raster, form: ImageForm, path: str) -> Tensor:
    """As `read_image`, of a file that is decoded already; its path is for messages."""
    pixels = colours_of(raster)
    _check_channels(path, 1 if pixels.ndim == 2 else pixels.shape[2], form.channels)
    scaled = _scaled(path, turned(pixels, raster.orientation), _top(raster, form), form)
    return scaled.expand(form.channels, -1, -1) if scaled.ndim == 2 else scaled.permute(2, 0, 1)


def _top(raster: Raster, form: ImageForm) -> int:
    """The value that becomes 1, of at most 8 bits. The colours of a palette always have 8."""
    if raster.palette is not None:
        return 255
    return form.top_of_8_bits if raster.bits == 8 else 2**raster.bits - 1


def check_statistics(stats: ImageStats, bits: int, form: ImageForm | None, path: str) -> None:
    """See whether `image_tensor` can read an image, from what was seen of it.

    Args:
        stats: Of its pixels.
        bits: Significant bits of a sample.
        form: Of the data set; None: it could not be found.
        path: The file, for messages.

    Raises:
        DataError: The image does not fit the form, or holds values that are not finite numbers.
    """
    if form is None:
        _check_finite(path, stats.lowest, stats.highest)
        return
    _check_channels(path, stats.channels, form.channels)
    if stats.is_deep:
        _check_values(path, stats.lowest, stats.highest, form.value_range)
    elif bits == 8 and stats.highest > form.top_of_8_bits:
        raise _outside(path, stats.highest, (0, form.top_of_8_bits))


def is_deep(raster: Raster) -> bool:
    """Whether the numbers need the range of the data set, since their type says nothing of their scale."""
    return raster.palette is None and raster.pixels.dtype != np.uint8


def _check_channels(path: str, found: int, channels: int) -> None:
    if found in (channels, 1 if channels == 3 else channels):
        return
    message = text(
        "{path} has {found} channels, but the images of this run have {channels}; --data.channels sets another number"
    )
    if (found, channels) == (3, 1):
        message = text("{path} is in colour, but the images of this run are grey; --data.channels 3 reads both")
    raise DataError(message.format(path=one_line(path), found=found, channels=channels))


def _scaled(path: str, pixels: Pixels, top: int, form: ImageForm) -> Tensor:
    """float32 of the same shape in [0, 1]; `top` becomes 1 in files of at most 8 bits."""
    if pixels.dtype != np.uint8:
        return _measured(path, pixels, form.value_range)
    if top < 255 and (highest := int(pixels.max())) > top:
        raise _outside(path, highest, (0, top))
    return torch.from_numpy(np.require(pixels, requirements=["C", "W"])).to(torch.float32).div_(top)


def _measured(path: str, pixels: Pixels, value_range: tuple[float, float]) -> Tensor:
    _check_values(path, float(pixels.min()), float(pixels.max()), value_range)  # NaN, if any pixel is NaN
    start, end = value_range
    exact = np.float32 if pixels.dtype in (np.uint16, np.int16, np.int8, np.float32) else np.float64
    scaled = torch.from_numpy(np.require(pixels, dtype=exact, requirements=["C", "W"]))
    return scaled.sub(start).div_(end - start).to(torch.float32).clamp_(0, 1)


def _check_finite(path: str, lowest: float, highest: float) -> None:
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        message = text("{path} cannot be read as an image: it holds values that are not finite numbers")
        raise DataError(message.format(path=one_line(path)))


def _check_values(path: str, lowest: float, highest: float, value_range: tuple[float, float]) -> None:
    _check_finite(path, lowest, highest)
    start, end = value_range
    for value in (lowest, highest):
        if not start <= value <= end:
            raise _outside(path, value, value_range)


def _outside(path: str, value: float, value_range: tuple[float, float]) -> DataError:
    message = text(
        "{path} holds the value {value}, but the images of this run hold {lowest} to {highest}. "
        "--data.image_range sets another range, such as [0, 65535]."
    )
    lowest, highest = value_range
    return DataError(
        message.format(path=one_line(path), value=f"{value:.9g}", lowest=f"{lowest:.9g}", highest=f"{highest:.9g}")
    )
