"""Image files that are open, and one error for all that can go wrong with them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import NamedTuple, Protocol

from PIL import UnidentifiedImageError

from datamodules.data_errors import DataError, FileError
from datamodules.reading.raster_form import UnreadableError
from resume.system.output import one_line, text

_HEAD = 1024
_LONGEST_REASON = 300  # characters; some libraries print whole tables


class _Readable(Protocol):
    def readinto(self, buffer: bytearray, /) -> int | None: ...


class Opened(NamedTuple):
    """A regular file that is not empty.

    Attributes:
        path: Where it lies.
        file: Open for reading.
        size: Its bytes.
        head: Its first bytes, 1,024 at most.
    """

    path: str
    file: BufferedReader
    size: int
    head: bytes


@contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Open an image file. Each exception in the block becomes a DataError with the name of the file.

    Raises:
        DataError: The file is missing or unreadable, is no regular file, or the block has failed.
    """
    try:
        size = _size(path)
        with open(path, "rb") as file:  # noqa: PTH123 (a Path takes three times as long)
            yield Opened(path, file, size, file.read(_HEAD))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise FileError(text("{path} no longer exists").format(path=one_line(path))) from error
    except Exception as error:  # on a damaged file, the libraries raise exceptions of any class
        message = text("{path} cannot be read as an image: {reason}")
        raise FileError(message.format(path=one_line(path), reason=_reason(error, path))) from error


def read_exactly(file: _Readable, size: int) -> bytearray:
    """Read `size` bytes, into memory of the caller's own: a file that is mapped ends the process if it shrinks.

    Raises:
        UnreadableError: The file has fewer.
    """
    content = bytearray(size)
    if (file.readinto(content) or 0) < size:
        raise UnreadableError(text("it is cut short"))
    return content


def _size(path: str) -> int:
    """The bytes of a file, looked up before it is opened: a pipe or a device might never answer."""
    status = os.stat(path)  # noqa: PTH116 (the same)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(text("it is not a file but {kind}").format(kind=_kind(status.st_mode)))
    if not status.st_size:
        raise UnidentifiedImageError
    return status.st_size


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return text("a folder")
    return text("a pipe, a socket or a device")


def _reason(error: Exception, path: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        return text("it is not an image, or its beginning is damaged")
    if isinstance(error, MemoryError):
        return text("there is not enough memory for it")
    if isinstance(error, UnreadableError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    said = said.replace(path, text("the file"))[:_LONGEST_REASON]
    return text("it is damaged, or of a rare kind ({reason})").format(reason=said)
