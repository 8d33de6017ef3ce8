"""A further entry for an archive that torch.save has written, with the header fields that torch gives its own.

`zipfile` could append it too, but writes the headers of all entries anew, and other fields from version to version.
Here everything that torch has written stays as it is, byte for byte, but for the end of the archive.
"""

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

# As the writer of torch 2.14: made by version 0 on MS-DOS, needs version 0, a data descriptor follows, names in UTF-8,
# stored, no date and no time.
_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_RECORD = struct.Struct("<4s6H3I5H2I")
_FLAGS = 0x0808
# torch ends every archive in the form for large files (zip64), and repeats the numbers in the older form.
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_LARGE_OFFSET = struct.Struct("<2HQ")
_LARGEST_SHORT, _LARGEST_INT = 0xFFFF, 0xFFFFFFFF


def append_entry(file: BinaryIO, name: str, content: bytes) -> None:
    """Append a stored entry to an archive.

    Args:
        file: Open for reading and writing; what torch.save has written is all of its content.
        name: The whole name of the entry, its folder included.
        content: Of less than 4 GiB.

    Raises:
        OSError: The system refused.
        zipfile.BadZipFile: The archive does not end as torch ends one.
    """
    start, size, count, versions = _directory(file)
    file.seek(start)
    directory = file.read(size)

    encoded, checksum, length = name.encode("utf-8"), zlib.crc32(content), len(content)
    file.seek(start)
    # The sizes follow the content, as torch writes them.
    file.write(_LOCAL.pack(b"PK\3\4", 0, _FLAGS, 0, 0, 0, 0, 0, 0, len(encoded), 0) + encoded + content)
    file.write(_DESCRIPTOR.pack(b"PK\7\10", checksum, length, length))

    directory_start = file.tell()
    is_large = start >= _LARGEST_INT
    extra = _LARGE_OFFSET.pack(1, 8, start) if is_large else b""
    sizes = (checksum, length, length, len(encoded), len(extra), 0, 0, 0, 0)
    record = _RECORD.pack(b"PK\1\2", 0, 0, _FLAGS, 0, 0, 0, *sizes, _LARGEST_INT if is_large else start)
    directory += record + encoded + extra
    file.write(directory)
    file.write(_ending(start=directory_start, size=len(directory), count=count + 1, versions=versions))
    file.truncate()


def _directory(file: BinaryIO) -> tuple[int, int, int, tuple[int, int]]:
    """Where the directory of the archive begins, its bytes, its entries, and the versions that the end names."""
    tail = _END64.size + _LOCATOR.size + _END.size
    end = file.seek(-tail, os.SEEK_END)
    signature, _, *versions, _, _, _, count, size, start = _END64.unpack(file.read(_END64.size))
    if signature != b"PK\6\6" or start + size != end:
        raise zipfile.BadZipFile("not an archive of torch.save")
    return start, size, count, (versions[0], versions[1])


def _ending(*, start: int, size: int, count: int, versions: tuple[int, int]) -> bytes:
    end64 = _END64.pack(b"PK\6\6", _END64.size - 12, *versions, 0, 0, count, count, size, start)
    locator = _LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
    shown = min(count, _LARGEST_SHORT)
    end = _END.pack(b"PK\5\6", 0, 0, shown, shown, min(size, _LARGEST_INT), min(start, _LARGEST_INT), 0)
    return end64 + locator + end
