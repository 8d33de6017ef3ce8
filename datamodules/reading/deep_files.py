"""PNG in colours of 16 bits, and JPEG 2000 of more than 8 bits or many channels: Pillow reads 8 bits of these."""

import struct
from typing import NamedTuple

import imagecodecs
import numpy as np

from datamodules.reading.opened_files import Opened
from datamodules.reading.raster_form import Pixels

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JP2_MAGIC = b"\0\0\0\x0cjP  \r\n\x87\n"
J2K_MAGIC = b"\xff\x4f\xff\x51"


class CodestreamForm(NamedTuple):
    """What the codestream of a JPEG 2000 file says."""

    height: int
    width: int
    channels: int
    bits: int
    is_signed: bool


def png_depth(head: bytes) -> int:
    """Return the bits a sample of a PNG file."""
    return head[24]


def deep_png(opened: Opened, page: int) -> tuple[Pixels, Pixels | None]:
    """Decode a page of a PNG file in colours of 16 bits.

    Returns:
        uint16 (H, W) or (H, W, 3), and the alpha (H, W), or None.
    """
    opened.file.seek(0)
    content = opened.file.read()
    pixels = imagecodecs.apng_decode(content, index=page) if page else imagecodecs.png_decode(content)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        colours = pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :3]
        return colours, pixels[:, :, -1]
    return pixels, None


def codestream_form(opened: Opened) -> CodestreamForm | None:
    """Read size and depth of a JPEG 2000 file; None where they are not near its beginning."""
    opened.file.seek(0)
    head = opened.file.read(2**16)
    start = head.find(J2K_MAGIC)
    if start < 0 or len(head) < start + 43:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", head, start + 8)
    (channels,) = struct.unpack_from(">H", head, start + 40)
    depth = head[start + 42]
    return CodestreamForm(bottom - top, right - left, channels, (depth & 0x7F) + 1, bool(depth & 0x80))


def deep_codestream(opened: Opened, has_alpha: bool) -> tuple[Pixels, Pixels | None]:
    """Decode a JPEG 2000 file at its full depth.

    Returns:
        Whole numbers (H, W) or (H, W, C), and the alpha (H, W), or None.
    """
    opened.file.seek(0)
    pixels = np.asarray(imagecodecs.jpeg2k_decode(opened.file.read(), numthreads=1))
    if not has_alpha:
        return pixels, None
    return pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :-1], pixels[:, :, -1]
