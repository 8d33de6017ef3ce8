"""The one form in which this program writes an archive: that of torch.save, and `run.json` as its last entry.

torch and Python's zipfile trust different fields of a zip, so that a changed field makes them read different things. In
an archive of this form, every byte outside of the contents follows from four facts about each entry: its name, where it
begins, its size and its checksum. These bytes are made here, for the writer, and compared, for the reader.

Source: caffe2/serialize/inline_container.cc and miniz 3.0.2 in torch, of which 2.9 to 2.14 write the same form.
"""

import struct
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from resume.run_files import RUN_ENTRY
from resume.system.errors import UnreadableError
from resume.system.output import text

# zipfile reads the whole directory at once and takes ten times its size in memory. 4 MiB are enough for 60,000 tensors.
MAX_DIRECTORY = 4 * 2**20

# Made by version 0 on MS-DOS, needs version 0, names in UTF-8, stored, no date and no time.
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_LARGE_DESCRIPTOR = struct.Struct("<4sI2Q")
_RECORD = struct.Struct("<4s6H3I5H2I")
_UTF8, _DESCRIPTOR_FOLLOWS = 0x0800, 0x0008
# torch ends every archive in the form for large files (zip64), and repeats the numbers in the older form.
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_END_SIZE = _END64.size + _LOCATOR.size + _END.size
_VERSIONS = (0x031E, 0x002D)
_LARGEST_SHORT, _LARGEST_INT = 0xFFFF, 0xFFFFFFFF
# torch moves the content of each entry to a multiple of 64 bytes by a field of this name in its local header.
_PADDING = struct.Struct("<2sH")


class Record(NamedTuple):
    """What an archive says about one entry.

    Attributes:
        name: With its folder, in UTF-8.
        offset: Where its local header begins.
        size: Of its content, in bytes.
        checksum: CRC-32 of its content.
    """

    name: bytes
    offset: int
    size: int
    checksum: int

    @property
    def is_appended(self) -> bool:
        """Whether this program writes it, and not torch: without padding, and with the short descriptor."""
        return self.name.partition(b"/")[2] == RUN_ENTRY.encode()

    @property
    def is_large(self) -> bool:
        """Whether it has a number of more than 32 bits."""
        return self.size >= _LARGEST_INT or self.offset >= _LARGEST_INT

    def in_directory(self) -> bytes:
        """The line of the directory."""
        size, offset = min(self.size, _LARGEST_INT), min(self.offset, _LARGEST_INT)
        extra = self._large_numbers(self.size)
        lengths = (len(self.name), len(extra), 0, 0, 0, 0, offset)
        return (
            _RECORD.pack(b"PK\1\2", 0, 0, self._flags, 0, 0, 0, self.checksum, size, size, *lengths) + self.name + extra
        )

    def header(self, padding: int) -> bytes:
        """What stands before the content.

        Args:
            padding: The bytes that torch adds to its own entries, those of their field's head included.
        """
        # The sizes are 0, because they follow the content.
        extra = b"" if self.is_appended else self._large_numbers(0)
        if padding:
            extra += _PADDING.pack(b"FB", padding - _PADDING.size) + b"Z" * (padding - _PADDING.size)
        return _LOCAL.pack(b"PK\3\4", 0, self._flags, 0, 0, 0, 0, 0, 0, len(self.name), len(extra)) + self.name + extra

    def descriptor(self) -> bytes:
        """What follows the content."""
        if not self.size:
            return b""
        form = _LARGE_DESCRIPTOR if self.is_large and not self.is_appended else _DESCRIPTOR
        return form.pack(b"PK\7\10", self.checksum, self.size, self.size)

    @property
    def _flags(self) -> int:
        return _UTF8 | (_DESCRIPTOR_FOLLOWS if self.size else 0)

    def _large_numbers(self, size: int) -> bytes:
        numbers = [size] * 2 if self.size >= _LARGEST_INT else []
        numbers += [self.offset] if self.offset >= _LARGEST_INT else []
        return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


class Directory(NamedTuple):
    """The directory of an archive: where it begins, and its entries in their order in the archive."""

    start: int
    records: list[Record]

    def places(self) -> Iterator[tuple[Record, int, int]]:
        """Each entry, the padding in its local header, and where its content ends, all in bytes.

        Raises:
            UnreadableError: The entries do not follow each other from the first byte to the directory.
        """
        first, *ends = [*(record.offset for record in self.records), self.start]
        if first != 0:
            raise other_form(text("start"))
        for record, end in zip(self.records, ends, strict=True):
            content_end = end - len(record.descriptor())
            padding = content_end - record.size - record.offset - len(record.header(0))
            is_padded = _PADDING.size <= padding <= _LARGEST_SHORT
            if padding if record.is_appended else not is_padded:
                raise other_form(record.name.decode(errors="replace"))
            yield record, padding, content_end


def ending(start: int, records: bytes, count: int) -> bytes:
    """The end of an archive: of its directory, the beginning, the bytes, and the number of entries."""
    size = len(records)
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, *_VERSIONS, 0, 0, count, count, size, start)
    locator = _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    shown = min(count, _LARGEST_SHORT)
    end = _END.pack(b"PK\5\6", 0, 0, shown, shown, min(size, _LARGEST_INT), min(start, _LARGEST_INT), 0)
    return end64 + locator + end


def read_directory(file: IO[bytes], length: int) -> Directory:
    """Read the directory of an archive, and compare it and the end of the archive with the form.

    The entries follow each other without a gap, and nothing stands before or behind them.

    Args:
        file: Open for reading.
        length: Of the archive, in bytes.

    Raises:
        OSError: The system refused.
        zipfile.BadZipFile: This is no zip archive, or its end is missing.
        UnreadableError: The archive has another form.
    """
    file.seek(max(length - _END_SIZE, 0))
    end = file.read(_END_SIZE)
    if end[-_END.size :][:4] != b"PK\5\6" and end[:4] != b"PK\6\6":
        raise zipfile.BadZipFile
    if len(end) < _END_SIZE:
        raise other_form(text("end"))
    size, start = _END64.unpack_from(end)[-2:]
    if size > MAX_DIRECTORY:
        raise UnreadableError(text("the archive's directory is too large"))
    if start + size + _END_SIZE != length:
        raise other_form(text("end"))
    file.seek(start)
    directory = file.read(size)
    found = Directory(start, list(_records(directory)))
    if end != ending(start, directory, len(found.records)):
        raise other_form(text("end"))
    for _ in found.places():
        pass
    return found


def _records(directory: bytes) -> Iterator[Record]:
    at = 0
    while at < len(directory):
        try:
            *_, checksum, _, size, name_length, extra_length, _, _, _, _, offset = _RECORD.unpack_from(directory, at)
        except struct.error as error:
            raise other_form(text("directory")) from error
        name_at = at + _RECORD.size
        extra_at = name_at + name_length
        name, extra = directory[name_at:extra_at], directory[extra_at : extra_at + extra_length]
        size = int.from_bytes(extra[4:12], "little") if size == _LARGEST_INT else size
        offset = int.from_bytes(extra[-8:], "little") if offset == _LARGEST_INT else offset
        record = Record(name, offset, size, checksum)
        line = record.in_directory()
        if directory[at : at + len(line)] != line:
            raise other_form(text("directory"))
        yield record
        at += len(line)


def require_form(file: IO[bytes], directory: Directory) -> None:
    """Compare everything between the contents with the form.

    Raises:
        OSError: The system refused.
        UnreadableError: The archive has another form.
    """
    for record, padding, content_end in directory.places():
        header, descriptor = record.header(padding), record.descriptor()
        file.seek(record.offset)
        is_right = file.read(len(header)) == header
        file.seek(content_end)
        if not is_right or file.read(len(descriptor)) != descriptor:
            raise other_form(record.name.decode(errors="replace"))


def other_form(place: str) -> UnreadableError:
    """The error for an archive that has another form at this place."""
    return UnreadableError(text("damaged archive, or of another program ({place})").format(place=place))
