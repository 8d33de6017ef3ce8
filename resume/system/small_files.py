"""Small files that anybody may have written, read with care: neither pipes nor devices, and nothing large or endless.

Everything that lies beside a checkpoint is read by these functions. What they refuse was never written by this program.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import size_text, text

# A list of 60,000 file names fits. Python takes about 40 times as much for a list of empty lists.
MAX_BYTES = 2**21
_MAX_DEPTH = 40


class InvalidJsonError(UnreadableError):
    """A text that is no JSON."""

    def __init__(self) -> None:
        super().__init__(text("not valid JSON"))


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Read a regular file of at most `most` bytes; a link to one counts as one.

    Raises:
        OSError: The system refused, or there is no such file.
        UnreadableError: It is a folder, a pipe or a device, or it is larger.
    """
    _require_regular(path.stat())
    # Opening a pipe waits for a writer, and opening a terminal may make it the program's own.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - Path.open takes no flags
        _require_regular(os.fstat(file.fileno()))  # replaced since the look above
        content = file.read(most + 1)
    if len(content) > most:
        raise UnreadableError(text("larger than {limit}").format(limit=size_text(most)))
    return content


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """As `read_bytes`, for a file in UTF-8; line ends become those of Python.

    Raises:
        OSError: As `read_bytes`.
        UnreadableError: As `read_bytes`, or the file is not UTF-8.
    """
    try:
        content = read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(text("not UTF-8 (byte {position})").format(position=error.start)) from error
    return content.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, most: int = MAX_BYTES) -> Any:
    """The content of a JSON file: dicts, lists, texts, numbers, booleans and None, nested 40 deep at most.

    Raises:
        OSError: As `read_text`.
        UnreadableError: As `read_text`, or the file is no such JSON.
    """
    return parse_json(read_text(path, most))


def parse_json(content: str) -> Any:
    """The values of a JSON text.

    Raises:
        InvalidJsonError: It is no JSON.
        UnreadableError: It is nested too deeply.
    """
    try:
        values = json.loads(content)
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        raise InvalidJsonError from error
    require_shallow(values)
    return values


def require_shallow(values: Any, most: int = _MAX_DEPTH) -> None:
    """See that lists and dicts are nested at most `most` deep, so that a recursive function can read them.

    Raises:
        UnreadableError: They are nested deeper.
    """
    level, depth = [values], 0
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        if depth > most:
            raise too_deep()
        level = [item for value in level for item in (value.values() if isinstance(value, dict) else value)]


def too_deep() -> UnreadableError:
    """The reason for a file whose lists and mappings are nested too deeply."""
    return UnreadableError(text("nested too deeply"))


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError(text("no regular file"))
