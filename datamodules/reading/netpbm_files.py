"""PBM, PGM, PPM and PFM files, whose numbers Pillow would stretch to 8 or 16 bits."""

import re
from typing import NamedTuple

import numpy as np

from datamodules.reading.memory_bounds import RAW, check_memory, check_size
from datamodules.reading.opened_files import Opened, read_exactly
from datamodules.reading.raster_form import FileHeader, Pixels, Raster, UnreadableError
from resume.system.output import text

_FIELD = re.compile(rb"(?:\s|#[^\r\n]*)*([-+.\w]+)(?=\s)")
_COMMENT = re.compile(rb"#[^\r\n]*")


class _Form(NamedTuple):
    """The header of a file.

    Attributes:
        kind: The character behind the P.
        top: The largest number that a sample may hold; of PFM: negative for little-endian numbers.
        start: Where the pixels begin.
    """

    kind: str
    height: int
    width: int
    channels: int
    top: float
    start: int

    @property
    def is_text(self) -> bool:
        return self.kind in "123"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        if self.kind in "fF":
            return np.dtype("<f4" if self.top < 0 else ">f4")
        return np.dtype("u1" if self.top < 256 else ">u2")

    @property
    def stored(self) -> int:
        """Bytes of the pixels in a binary file."""
        if self.kind == "4":
            return self.height * ((self.width + 7) // 8)
        return self.height * self.width * self.channels * self.dtype.itemsize

    @property
    def least(self) -> int:
        """Bytes of the pixels at least, also in a text."""
        return self.height * self.width * self.channels if self.is_text else self.stored


def is_netpbm(head: bytes) -> bool:
    """Whether a file begins as one of these."""
    return len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456fF" and head[2:3] in b" \t\r\n#"


def _form(opened: Opened) -> _Form:
    fields: list[bytes] = []
    kind = chr(opened.head[1])
    wanted = 2 if kind in "14" else 3
    position = 2
    while len(fields) < wanted:
        found = _FIELD.match(opened.head, position)
        if found is None:
            raise UnreadableError(text("its beginning is damaged"))
        fields.append(found[1])
        position = found.end()
    width, height = int(fields[0]), int(fields[1])
    check_size(height, width)
    top = float(fields[2]) if wanted == 3 else 1.0
    if kind not in "fF" and not 1 <= top < 65536:
        raise UnreadableError(text("its beginning is damaged"))
    return _Form(kind, height, width, 3 if kind in "36F" else 1, top, position + 1)


def header_of_netpbm(opened: Opened, limit: int | None) -> FileHeader:
    """Read the header of a PBM, PGM, PPM or PFM file; `limit` as in `rasters.read_header`."""
    form = _form(opened)
    is_float = form.kind in "fF"
    needed = form.height * form.width * form.channels * form.dtype.itemsize
    check_memory(needed, form.least, opened.size, RAW, limit)
    is_whole = not form.is_text and form.start + form.stored <= opened.size
    bits = 32 if is_float else int(form.top).bit_length()
    return FileHeader((form.height, form.width), None, 1, form.channels, bits, is_float, False, False, is_whole, needed)


def raster_of_netpbm(opened: Opened, page: int, limit: int | None) -> Raster:  # noqa: ARG001 (as of all readers)
    """Read the only picture of a PBM, PGM, PPM or PFM file."""
    header, form = header_of_netpbm(opened, limit), _form(opened)
    opened.file.seek(form.start)
    samples = _numbers_of_text(opened, form) if form.is_text else _numbers(opened, form)
    pixels = samples.reshape(form.height, form.width, form.channels)
    if form.kind in "14":
        pixels = 1 - pixels  # in these, 1 is black
    if form.kind in "fF":
        pixels = pixels[::-1]  # the lowest row comes first
    return Raster(pixels if form.channels > 1 else pixels[:, :, 0], bits=header.bits)


def _numbers(opened: Opened, form: _Form) -> Pixels:
    content = read_exactly(opened.file, form.stored)
    if form.kind == "4":
        rows = np.frombuffer(content, np.uint8).reshape(form.height, -1)
        return np.unpackbits(rows, axis=1, count=form.width)
    return np.frombuffer(content, form.dtype).astype(form.dtype.newbyteorder("="))


def _numbers_of_text(opened: Opened, form: _Form) -> Pixels:
    content = _COMMENT.sub(b"", opened.file.read())
    count = form.height * form.width * form.channels
    # The digits of a PBM need no space between them.
    words = re.findall(rb"[01]", content)[:count] if form.kind == "1" else content.split(maxsplit=count)[:count]
    if len(words) < count:
        raise UnreadableError(text("it is cut short"))
    numbers = np.array(words, dtype=bytes).astype(np.int64)
    if numbers.min() < 0 or numbers.max() > form.top:
        raise UnreadableError(text("it holds numbers above the largest that its header names"))
    return numbers.astype(form.dtype.newbyteorder("="))
