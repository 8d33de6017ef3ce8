"""Whether the compression of a file has changed the values of its pixels, as its content says."""

import struct

from datamodules.reading.deep_files import J2K_MAGIC
from datamodules.reading.opened_files import Opened

_LOSSY = frozenset({"JPEG", "MPO", "AVIF"})  # AVIF can be without losses, but is rarely saved so
LOSSY_TIFF = frozenset({6, 7, 33007, 34892})  # compressions of TIFF that are JPEG
_START_OF_TILE, _CODING_STYLE = 0xFF90, 0xFF52
_TRANSFORM, _IRREVERSIBLE = 9, 0  # where the segment of the coding style has its wavelet, and the one with losses
_HEAD = 2**16  # bytes in which the codestream of a JPEG 2000 file begins


def is_lossy(opened: Opened, file_format: str | None) -> bool:
    """Say whether a file that is no TIFF file was compressed with losses.

    Args:
        opened: The file; the place from which it is read next is changed.
        file_format: As Pillow names it.
    """
    if file_format == "WEBP":
        return _is_lossy_webp(opened)
    return file_format in _LOSSY or (file_format == "JPEG2000" and _is_lossy_codestream(opened))


def _is_lossy_webp(opened: Opened) -> bool:
    """Whether the first chunk of pixels is that of a key frame of VP8."""
    place, kind = 12, b""
    while kind not in (b"VP8 ", b"VP8L"):
        opened.file.seek(place)
        header = opened.file.read(8)
        if len(header) < 8:
            return False
        kind, size = struct.unpack("<4sI", header)
        place += 8 + (16 if kind == b"ANMF" else size + size % 2)  # the chunks of a frame of an animation are within
    return kind == b"VP8 "


def _is_lossy_codestream(opened: Opened) -> bool:
    """Whether the main header names the wavelet that cannot be turned back."""
    opened.file.seek(0)
    head = opened.file.read(_HEAD)
    place = head.find(J2K_MAGIC) + 2
    while 2 <= place < len(head) - _TRANSFORM - 4:
        marker, length = struct.unpack_from(">HH", head, place)
        if marker == _CODING_STYLE:
            return head[place + 4 + _TRANSFORM] == _IRREVERSIBLE
        if marker == _START_OF_TILE:
            break
        place += 2 + length
    return False
