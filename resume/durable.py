"""Files that appear whole, under their name and on the disk, or not at all."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

# For so long (s) a name is waited for that Windows keeps from being replaced: a virus scanner or a viewer has it open.
PATIENCE = 1.0
_PAUSE = 0.05


def write_text(path: Path, content: str) -> None:
    """Write or replace a small file in UTF-8.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    with staged(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name, all at once, when the block ends without an error.

    It lies in the same folder, since only there replacing a file is atomic, and is on the disk before it gets the name.
    """
    with _replacing(path) as temporary:
        yield temporary
        _sync_file(temporary)


def link(source: Path, target: Path) -> None:
    """Give `source` the further name `target`: a hard link, or a copy where the file system has none.

    Linked files share their bytes, so no file of a run is ever opened for writing; it is replaced.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(target) as temporary:
        try:
            os.link(source.resolve(), temporary)
        except OSError:
            shutil.copyfile(source, temporary)
            _sync_file(temporary)


def link_softly(path: Path, goal: str) -> None:
    """Write or replace a symbolic link.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    with _replacing(path) as temporary:
        temporary.symlink_to(goal)


def sync_folder(folder: Path) -> None:
    """Bring the folder's new entries to the disk, where the system has a call for that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A name in the same folder for what takes the name `path`, all at once, when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # One that a killed process of this number left may be a link to a checkpoint: never written into.
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        _replace(temporary, path)
    finally:
        # Also after a success: renaming onto another link to the same file does nothing, and leaves the name.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _replace(temporary: Path, path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            temporary.replace(path)
        except PermissionError as error:
            is_of_windows = getattr(error, "winerror", None) is not None
            if not is_of_windows or time.monotonic() >= end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
