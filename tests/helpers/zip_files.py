"""Zip archives byte by byte, in the form of torch.save and without torch; each field can be given another value."""

import struct
import zlib
from dataclasses import dataclass

_UTF8_WITH_DESCRIPTOR = 0x808


@dataclass(frozen=True)
class Entry:
    """An entry of an archive; what its directory says may be true or not, None stands for the true value.

    Attributes:
        flags: Those to flip.
        padded: Whether its content begins at a multiple of 64 bytes, as torch lets it; False as this program's own.
    """

    name: bytes
    content: bytes = b"x"
    flags: int = 0
    method: int = 0
    size: int | None = None
    packed_size: int | None = None
    offset: int | None = None
    padded: bool = True


def zip_of(entries: list[Entry], directory_size: int | None = None) -> bytes:
    """An archive whose directory may say anything; with true values only, it has the form of torch.save."""
    content, directory = bytearray(), bytearray()
    for entry in entries:
        packed = zlib.compress(entry.content)[2:-4] if entry.method == 8 else entry.content
        size = len(entry.content) if entry.size is None else entry.size
        packed_size = len(packed) if entry.packed_size is None else entry.packed_size
        offset = len(content) if entry.offset is None else entry.offset
        flags = (_UTF8_WITH_DESCRIPTOR if packed else 0x800) ^ entry.flags
        checksum = zlib.crc32(entry.content)
        padding = -(len(content) + 30 + len(entry.name) + 4) % 64
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding if entry.padded else b""
        content += struct.pack("<4s5H3I2H", b"PK\3\4", 0, flags, entry.method, *[0] * 5, len(entry.name), len(extra))
        content += entry.name + extra + packed
        content += struct.pack("<4s3I", b"PK\7\10", checksum, len(packed), len(entry.content)) if packed else b""
        fields = (0, 0, flags, entry.method, 0, 0, checksum, packed_size, size, len(entry.name), 0, 0, 0, 0, 0, offset)
        directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", *fields) + entry.name
    return bytes(content + directory) + ending(
        len(content), len(directory) if directory_size is None else directory_size, len(entries)
    )


def ending(start: int, size: int, count: int) -> bytes:
    """The end of an archive whose directory begins at `start` and has so many bytes and entries."""
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0x31E, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + size, 1)
    shown = min(count, 0xFFFF)
    end = (shown, shown, min(size, 0xFFFFFFFF), min(start, 0xFFFFFFFF), 0)
    return end64 + locator + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *end)


def archive_of(parts: dict[str, bytes]) -> bytes:
    """An archive of these parts as this program writes it; `run.json`, if it is there, must be the last."""
    return zip_of([Entry(f"archive/{name}".encode(), part, padded=name != "run.json") for name, part in parts.items()])
