"""Opening the zip archive of a checkpoint, which may claim anything."""

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resume.checkpoints.zip_form import MAX_DIRECTORY, Directory, Record, other_form, read_directory, require_form
from resume.system.errors import UnreadableError
from resume.system.output import text

CHUNK = 2**20


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
        wanted = MAX_DIRECTORY + 1 if size is None or size < 0 else size
        content = super().read(wanted) if wanted <= MAX_DIRECTORY + 1 else None
        if content is None or len(content) > MAX_DIRECTORY:
            raise UnreadableError(text("the archive's directory is too large"))
        return content


@contextlib.contextmanager
def open_archive(path: Path, section: tuple[int, int] | None = None) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose directory and end have the form in which this program writes them.

    What lies between the contents is compared by `require_whole_form`.

    Args:
        path: The file.
        section: Offset and length (bytes) of the archive in the file; None: the archive is the whole file.

    Raises:
        UnreadableError: The file is no such archive, or the `with` block fails because of its content.
    """
    with archive_errors(path), open_regular_file(path, section) as file:
        length = section[1] if section else os.fstat(file.fileno()).st_size
        _require_plain_names(record.name.decode() for record in read_directory(file, length).records)
        with zipfile.ZipFile(file) as archive:
            yield archive


def require_whole_form(archive: zipfile.ZipFile) -> None:
    """Compare what lies between the contents of an open archive with the form in which this program writes it.

    Raises:
        OSError: The system refused.
        UnreadableError: It has another form.
    """
    assert archive.fp is not None
    require_form(archive.fp, directory_of(archive))


def directory_of(archive: zipfile.ZipFile) -> Directory:
    """What the directory of an open archive says."""
    entries = archive.infolist()
    records = [Record(one.orig_filename.encode(), one.header_offset, one.file_size, one.CRC) for one in entries]
    return Directory(archive.start_dir, records)


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
        if start != b"PK":
            return text("no checkpoint file")
        # The directory of a zip archive is at its end.
        file.seek(max(file.seek(0, os.SEEK_END) - CHUNK, 0))
        return str(other_form(text("end"))) if b"PK\5\6" in file.read(CHUNK) else text("incomplete file")
    return text("the file is gone")


def _require_plain_names(names: Iterable[str]) -> None:
    """Refuse names that lead out of the archive's one folder, or stand twice: torch looks them up without case.

    Raises:
        UnreadableError: With the first name that is wrong.
    """
    known: set[str] = set()
    folders: set[str] = set()
    for name in names:
        if name.lower() in known or not _is_plain_name(name):
            raise UnreadableError(text("invalid or repeated entry name: {entry}").format(entry=name))
        known.add(name.lower())
        folders.add(name.partition("/")[0])
    if len(folders) > 1:
        raise UnreadableError(text("not a Lightning checkpoint"))


def _is_plain_name(name: str) -> bool:
    folder, *parts = name.split("/")
    is_inside = bool(parts) and not {"", ".", ".."} & {folder, *parts}
    return is_inside and not any(sign in name for sign in "\\\0") and ":" not in folder[1:2]
