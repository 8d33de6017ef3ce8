"""What a checkpoint file says about itself, read without torch; nothing in the file is ever executed.

A checkpoint is a zip archive. Its `*/data.pkl` describes everything but the tensors' numbers, which lie in
entries of their own and are not read.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from resume.messages import text

# Of a real run: 0.2 MB. The history of 100,000 epochs stays below it too.
MAX_DESCRIPTION_BYTES = 64 * 2**20


class UnreadableError(Exception):
    """Not a sound checkpoint of this program; the message is the reason, in a few words."""


class _Placeholder:
    """Stands for every object that is no plain value: takes all that a pickle does to it, to no effect."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "_Placeholder":
        return super().__new__(cls)

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass

    def append(self, _item: Any) -> None:
        pass

    def extend(self, _items: Any) -> None:
        pass

    def add(self, _item: Any) -> None:
        pass


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        return OrderedDict if (module_name, global_name) == ("collections", "OrderedDict") else _Placeholder

    def persistent_load(self, _pid: Any) -> None:
        """A tensor's storage: left where it is."""


def read_run(path: Path) -> dict[str, Any]:
    """The `run` entry of a checkpoint: plain values.

    Raises:
        UnreadableError: The file is cut short, no checkpoint, or none of this program.
    """
    content = _read_description(path)
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UnreadableError(text("not a Lightning checkpoint"))
    run = content.get("run")
    if not isinstance(run, dict) or not isinstance(run.get("run_id"), str):
        raise UnreadableError(text("not a checkpoint of this program"))
    return run


def require_intact(path: Path) -> None:
    """Read a whole checkpoint and compare it with the checksums that it carries: 0.3 s for 300 MB.

    Raises:
        UnreadableError: The file cannot be read, or its content has changed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except Exception as error:  # damaged headers can fail in any way
        raise UnreadableError(text("unreadable content ({reason})").format(reason=type(error).__name__)) from error
    if broken is not None:
        raise UnreadableError(text("damaged content ({entry})").format(entry=broken))


def _read_description(path: Path) -> Any:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UnreadableError(text("no checkpoint file"))  # a pipe, say: opening it would wait for ever
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpickle(archive, path)
    except UnreadableError:
        raise
    except FileNotFoundError as error:
        raise UnreadableError(text("the file is gone")) from error
    except zipfile.BadZipFile as error:
        raise UnreadableError(_why_no_zip(path)) from error
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from error
    except Exception as error:  # a pickle of arbitrary bytes can fail in any way
        raise UnreadableError(text("unreadable content ({reason})").format(reason=type(error).__name__)) from error


def _why_no_zip(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        return text("empty file")
    # The directory of a zip archive stands at its end.
    return text("incomplete file") if start == b"PK" else text("no checkpoint file")


def _unpickle(archive: zipfile.ZipFile, path: Path) -> Any:
    entries = archive.infolist()
    size = path.stat().st_size
    if any(entry.header_offset + entry.compress_size > size for entry in entries):
        raise UnreadableError(text("incomplete file"))
    found = [entry for entry in entries if entry.filename.count("/") == 1 and entry.filename.endswith("/data.pkl")]
    if len(found) != 1:
        raise UnreadableError(text("not a Lightning checkpoint"))
    if found[0].file_size > MAX_DESCRIPTION_BYTES:
        raise UnreadableError(text("description too large"))
    return _PlainUnpickler(io.BytesIO(archive.read(found[0]))).load()
