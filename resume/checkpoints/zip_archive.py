"""Opening the zip archive of a checkpoint. Its directory may claim anything, so every claim is checked."""

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

# zipfile reads the whole directory at once and takes ten times its size in memory. 4 MiB are enough for 60,000 tensors.
MAX_READ = 4 * 2**20
CHUNK = 2**20
_ENCRYPTED_OR_PATCHED = 0x1 | 0x20 | 0x40 | 0x2000
# The attribute of a folder in DOS. zipfile reads such an entry and finds its checksum right; torch's reader takes the
# entry for a folder, and returns memory that nobody has written as the tensor.
_FOLDER = 0x10


class _Section(io.RawIOBase):
    """A part of a file, read as if it were a file: a shard holds many archives, one after the other."""

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
    """A file that refuses to read too much at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = MAX_READ + 1 if size is None or size < 0 else size
        content = super().read(wanted) if wanted <= MAX_READ + 1 else None
        if content is None or len(content) > MAX_READ:
            raise UnreadableError(text("the archive's directory is too large"))
        return content


@contextlib.contextmanager
def open_archive(path: Path, section: tuple[int, int] | None = None) -> Iterator[zipfile.ZipFile]:
    """Open an archive that has the layout of torch.save: stored entries, one after the other, in one folder.

    Args:
        path: The file.
        section: Offset and length (bytes) of the archive in the file; None: the archive is the whole file.

    Raises:
        UnreadableError: The file is no such archive, or the `with` block fails because of its content.
    """
    with archive_errors(path), open_regular_file(path, section) as file, zipfile.ZipFile(file) as archive:
        _require_layout(archive.infolist(), section[1] if section else os.fstat(file.fileno()).st_size)
        yield archive


@contextlib.contextmanager
def archive_errors(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a checkpoint is read into an UnreadableError that says why in a few words."""
    try:
        yield
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


def open_regular_file(path: Path, section: tuple[int, int] | None = None) -> io.BufferedReader:
    """Open a file for reading; neither a pipe nor a device, whose reading could wait forever.

    Args:
        path: The file.
        section: Offset and length (bytes) of the part to read; None: the whole file.

    Raises:
        OSError: The system refused.
        UnreadableError: `path` is no regular file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UnreadableError(text("no checkpoint file"))  # opening a pipe would wait for a writer
    raw = io.FileIO(path, "rb", opener=_open_without_waiting)
    file = _BoundedFile(_Section(raw, *section) if section else raw)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # replaced since the look above
        file.close()
        raise UnreadableError(text("no checkpoint file"))
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _why_no_zip(path: Path) -> str:
    with contextlib.suppress(OSError, UnreadableError), open_regular_file(path) as file:
        start = file.read(2)
        if not start:
            return text("empty file")
        # The directory of a zip archive is at its end.
        return text("incomplete file") if start == b"PK" else text("no checkpoint file")
    return text("the file is gone")


def _require_layout(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse what torch.save never writes: zip bombs, overlapping entries, names that lead out of the folder.

    Raises:
        UnreadableError: With the first thing that is wrong.
    """
    if any(entry.header_offset + entry.compress_size > size for entry in entries):
        raise UnreadableError(text("incomplete file"))
    names: set[str] = set()
    for entry in entries:
        name = entry.orig_filename
        if not _is_stored_file(entry):
            raise UnreadableError(text("packed or encrypted content ({entry})").format(entry=name))
        if name in names or not _is_plain_name(name):
            raise UnreadableError(text("invalid or repeated entry name: {entry}").format(entry=name))
        names.add(name)
    is_one_folder = len({name.partition("/")[0] for name in names}) <= 1
    # With another archive in front, zipfile would read the last one, and torch the first.
    begins_the_file = not entries or min(entry.header_offset for entry in entries) == 0
    if not (is_one_folder and begins_the_file) or sum(entry.file_size for entry in entries) > size:
        raise UnreadableError(text("not a Lightning checkpoint"))


def _is_stored_file(entry: zipfile.ZipInfo) -> bool:
    is_stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
    return is_stored and not (entry.flag_bits & _ENCRYPTED_OR_PATCHED or entry.external_attr & _FOLDER)


def _is_plain_name(name: str) -> bool:
    folder, *parts = name.split("/")
    is_inside = bool(parts) and not {"", ".", ".."} & {folder, *parts}
    return is_inside and not any(sign in name for sign in "\\\0") and ":" not in folder[1:2]
