"""Arrays that numpy has saved (`.npy`)."""

import math

import numpy as np

from datamodules.reading.memory_bounds import RAW, check_memory, check_size
from datamodules.reading.opened_files import Opened, read_exactly
from datamodules.reading.raster_form import FileHeader, Pixels, Raster, UnreadableError, plain_numbers
from resume.system.output import text

MAGIC = b"\x93NUMPY"
_COLOURS = 4  # an axis of at most this length, at the end or at the beginning, is one of channels
_MOST_CHANNELS = 512


def _form(opened: Opened) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read the header; the file is then at its first number."""
    opened.file.seek(0)
    version = np.lib.format.read_magic(opened.file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(opened.file)
    if dtype.kind not in "buif":
        raise UnreadableError(text("it holds values of the type {type}, not plain numbers").format(type=dtype))
    return shape, is_fortran, dtype


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Which axis of an array is that of the channels; None: it has none.

    Raises:
        UnreadableError: The array is no picture.
    """
    if len(shape) == 2:
        return None
    if len(shape) == 3:
        axis = -1 if shape[-1] <= _COLOURS or (shape[0] > _COLOURS and shape[-1] <= shape[0]) else 0
        if shape[axis] <= _MOST_CHANNELS:
            return axis
    message = text(
        "it holds an array of {shape}; expected: (height, width), (height, width, channels) or "
        "(channels, height, width)"
    )
    raise UnreadableError(message.format(shape=" × ".join(map(str, shape)) or text("one number")))


def header_of_npy(opened: Opened, limit: int | None) -> FileHeader:
    """Read the header of an array."""
    shape, _, dtype = _form(opened)
    axis = _channel_axis(shape)
    channels = 1 if axis is None else shape[axis]
    height, width = shape if axis is None else shape[:2] if axis else shape[1:]
    check_size(height, width)
    needed = math.prod(shape) * dtype.itemsize
    check_memory(needed, needed, opened.size, RAW, limit)
    bits = 1 if dtype == np.bool_ else 8 * dtype.itemsize
    is_whole = opened.file.tell() + needed <= opened.size
    return FileHeader((height, width), None, 1, channels, bits, dtype.kind == "f", False, False, is_whole, needed)


def raster_of_npy(opened: Opened, page: int, limit: int | None) -> Raster:  # noqa: ARG001 (as of all readers)
    """Read an array, which has one page."""
    header = header_of_npy(opened, limit)
    shape, is_fortran, dtype = _form(opened)
    content = read_exactly(opened.file, header.bytes)
    pixels: Pixels = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    if _channel_axis(shape) == 0:
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Raster(plain_numbers(np.ascontiguousarray(pixels)), bits=header.bits)
