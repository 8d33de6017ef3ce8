"""A secret of the user of this machine, with which the program signs what it has written itself."""

import contextlib
import os
import sys
import uuid
from pathlib import Path

from resume.system.errors import UnreadableError
from resume.system.small_files import read_bytes

KEY_VARIABLE = "RESUMABLE_KEY_FILE"
_FOLDER = "resumable-training"
_NAME = "signing.key"
_LENGTH = 32  # bytes, the length of what SHA-256 computes
_MOST = 4096


def user_key() -> bytes | None:
    """The key, made at first use; None where there is none and none can be made, as in a read-only home."""
    try:
        path = key_file()
        try:
            key = read_bytes(path, _MOST)
        except FileNotFoundError:
            _make(path)
            key = read_bytes(path, _MOST)
    except (OSError, RuntimeError, UnreadableError):  # RuntimeError: no home folder is known
        return None
    return key if len(key) >= _LENGTH else None


def key_file() -> Path:
    """Where the key is: the file that RESUMABLE_KEY_FILE names, or one in the user's configuration folder.

    Raises:
        RuntimeError: The home folder of the user is not known.
    """
    named = os.environ.get(KEY_VARIABLE)
    return Path(named).expanduser() if named else _configuration_folder() / _FOLDER / _NAME


def _configuration_folder() -> Path:
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA")
        return Path(roaming) if roaming else Path.home() / "AppData" / "Roaming"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    chosen = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".config"


def _make(path: Path) -> None:
    """Make a key, readable by this user alone. The key of another process that is making one too is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, 0o600), "wb") as file:  # noqa: PTH123 - Path.open takes no mode
            file.write(os.urandom(_LENGTH))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            _give_name(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _give_name(temporary: Path, path: Path) -> None:
    """Give the file its name, unless another file has got it."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if not path.exists():
            temporary.rename(path)
