"""The directories of a TIFF file, one for each page, walked before a library follows them."""

import struct
from typing import BinaryIO, NamedTuple

from datamodules.reading.raster_form import UnreadableError
from resume.system.output import text

_MOST = 2**17  # directories; a longer list is no series of pictures
_MOST_TAGS = 4096
_SHORT = 3  # the kind of number of two bytes; the others here have four or eight, of which four are enough
_WIDTH, _HEIGHT, _SAMPLES, _REDUCED = 256, 257, 277, 254
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class _Layout(NamedTuple):
    """How a kind of TIFF writes its numbers."""

    number: struct.Struct
    entry: struct.Struct
    link: struct.Struct
    short: struct.Struct
    long: struct.Struct


class Directory(NamedTuple):
    """What is compared of two pages.

    Attributes:
        size: Height and width.
        samples: Samples a pixel.
        is_reduced: Whether it calls itself a smaller copy of another page.
    """

    size: tuple[int, int]
    samples: int
    is_reduced: bool


def is_tiff(head: bytes) -> bool:
    """Whether a file begins as TIFF or BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def directories(file: BinaryIO, size: int) -> list[Directory]:
    """Walk all directories of a file.

    Raises:
        UnreadableError: They form a loop, are too many, lie outside of the file, or promise more than it holds.
    """
    layout, offset = _layout(file)
    found: list[Directory] = []
    visited: set[int] = set()
    while offset:
        if offset in visited:
            raise UnreadableError(text("its list of pages runs in a circle"))
        if len(found) == _MOST:
            raise UnreadableError(text("it has more than {count} pages").format(count=_MOST))
        visited.add(offset)
        if offset + layout.number.size > size:
            raise UnreadableError(text("it is cut short"))
        file.seek(offset)
        (count,) = layout.number.unpack(file.read(layout.number.size))
        if count > _MOST_TAGS:
            raise UnreadableError(text("its list of pages is damaged"))
        content = file.read(count * layout.entry.size + layout.link.size)
        if len(content) < count * layout.entry.size + layout.link.size:
            raise UnreadableError(text("it is cut short"))
        found.append(_directory(content[: count * layout.entry.size], layout, size))
        (offset,) = layout.link.unpack(content[-layout.link.size :])
    return found


def _layout(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    structs = ("H", "HHI4s", "I", "H", "I") if head[2:4] in (b"*\0", b"\0*") else ("Q", "HHQ8s", "Q", "H", "I")
    number, entry, link, short, long = (struct.Struct(order + form) for form in structs)
    if len(head) < 2 * link.size:
        raise UnreadableError(text("it is cut short"))
    return _Layout(number, entry, link, short, long), link.unpack_from(head, link.size)[0]


def _directory(entries: bytes, layout: _Layout, size: int) -> Directory:
    numbers = {}
    for tag, kind, count, value in layout.entry.iter_unpack(entries):
        if count * _BYTES.get(kind, 1) > max(size, layout.link.size):
            raise UnreadableError(text("its list of pages promises more than the file holds"))
        if count == 1 and tag in (_WIDTH, _HEIGHT, _SAMPLES, _REDUCED):
            numbers[tag] = (layout.short if kind == _SHORT else layout.long).unpack_from(value)[0]
    size_found = numbers.get(_HEIGHT, 0), numbers.get(_WIDTH, 0)
    return Directory(size_found, numbers.get(_SAMPLES, 1), bool(numbers.get(_REDUCED, 0) & 1))
