"""The zip archive that a checkpoint is, opened with care: its directory may claim anything."""

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import text

# zipfile reads the directory in one go and takes ten times its size: this is one of 60,000 tensors.
MAX_READ = 4 * 2**20
CHUNK = 2**20
_ENCRYPTED_OR_PATCHED = 0x1 | 0x20 | 0x40 | 0x2000


class _Section(io.RawIOBase):
    """A part of a file as if it were one: a shard holds many archives, one behind the other."""

    def __init__(self, file: io.FileIO, offset: int, length: int) -> None:
        self._file = file
        self._offset = offset
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence])
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        self._file.seek(self._offset + self._at)
        with memoryview(buffer).cast("B") as view:
            count = self._file.readinto(view[: max(0, self._length - self._at)]) or 0
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _BoundedFile(io.BufferedReader):
    """A file that refuses to be read in too large pieces."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MAX_READ + 1 if size is None or size < 0 else size
        content = super().read(wanted) if wanted <= MAX_READ + 1 else None
        if content is None or len(content) > MAX_READ:
            raise UnreadableError(text("description too large"))
        return content


@contextlib.contextmanager
def open_archive(path: Path, section: tuple[int, int] | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a checkpoint whose entries lie as torch.save lays them: stored, one beside the other, in one folder.

    Args:
        path: The file.
        section: Offset and length (bytes) of the archive in it; None: all of it.

    Raises:
        UnreadableError: It is none, or what is done with it in the `with` block fails because of its content.
    """
    try:
        with _open_file(path, section) as file, zipfile.ZipFile(file) as archive:
            _require_layout(archive.infolist(), section[1] if section else os.fstat(file.fileno()).st_size)
            yield archive
    except UnreadableError:
        raise
    except FileNotFoundError as error:
        raise UnreadableError(text("the file is gone")) from error
    except zipfile.BadZipFile as error:
        raise UnreadableError(_why_no_zip(path)) from error
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from error
    except Exception as error:  # damaged headers can fail in any way
        raise UnreadableError(text("unreadable content ({reason})").format(reason=type(error).__name__)) from error


def _open_file(path: Path, section: tuple[int, int] | None = None) -> _BoundedFile:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UnreadableError(text("no checkpoint file"))  # a pipe, say: opening it would wait for ever
    raw = io.FileIO(path, "rb", opener=_open_without_waiting)
    file = _BoundedFile(_Section(raw, *section) if section else raw)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it has become one since
        file.close()
        raise UnreadableError(text("no checkpoint file"))
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _why_no_zip(path: Path) -> str:
    with contextlib.suppress(OSError, UnreadableError), _open_file(path) as file:
        start = file.read(2)
        if not start:
            return text("empty file")
        # The directory of a zip archive stands at its end.
        return text("incomplete file") if start == b"PK" else text("no checkpoint file")
    return text("the file is gone")


def _require_layout(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what torch.save never writes: bombs, entries in each other, names that lead elsewhere.

    Raises:
        UnreadableError: The first thing that is wrong.
    """
    if any(entry.header_offset + entry.compress_size > size for entry in entries):
        raise UnreadableError(text("incomplete file"))
    names: set[str] = set()
    for entry in entries:
        name = entry.orig_filename
        if entry.flag_bits & _ENCRYPTED_OR_PATCHED or (entry.compress_type, entry.compress_size) != (
            zipfile.ZIP_STORED,
            entry.file_size,
        ):
            raise UnreadableError(text("packed or encrypted content ({entry})").format(entry=name))
        if name in names or not _is_plain_name(name):
            raise UnreadableError(
                text("not a name of an entry, or one that is there twice: {entry}").format(entry=name)
            )
        names.add(name)
    if len({name.partition("/")[0] for name in names}) > 1 or sum(entry.file_size for entry in entries) > size:
        raise UnreadableError(text("not a Lightning checkpoint"))


def _is_plain_name(name: str) -> bool:
    folder, *parts = name.split("/")
    is_inside = bool(parts) and not {"", ".", ".."} & {folder, *parts}
    return is_inside and not any(sign in name for sign in "\\\0") and ":" not in folder[1:2]
