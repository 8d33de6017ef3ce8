"""Files, and folders of files, that appear whole, under their name and on the disk, or not at all."""

import contextlib
import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# How long (s) to wait for a name that Windows does not let go: a virus scanner or a viewer has the file open.
PATIENCE = 1.0
_PAUSE = 0.05

_STEP = 2**24  # bytes; 5 s on a disk that writes 3 MB a second

_in_work: list[Path] = []  # what `staged` has given out


def _no_folder(_folder: Path) -> bool:
    return False


def write_text(path: Path, content: str) -> None:
    """Write or replace a small file in UTF-8.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    with staged(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


@contextlib.contextmanager
def staged(path: Path, *, replaceable: Callable[[Path], bool] = _no_folder) -> Iterator[Path]:
    """A temporary file or folder that takes the name `path` when the block ends without an error.

    The temporary file is in the same folder, since only there a file is replaced in one step. It is written to the disk
    before it gets the name.

    Args:
        path: The name to give. A file or a link of that name is replaced.
        replaceable: Whether a folder of that name may be replaced; by default no folder may.

    Raises:
        OSError: The system refused, or a folder that must not be replaced has the name. What was there is unchanged.
    """
    with _replacing(path, replaceable) as temporary:
        _in_work.append(temporary)
        try:
            yield temporary
            _sync(temporary)
        finally:
            _in_work.remove(temporary)


def bytes_in_work() -> int:
    """The bytes that the staged files and folders of this moment hold: they grow while a save makes progress."""
    return sum(_size(path) for path in tuple(_in_work))


def _size(path: Path) -> int:
    try:
        return sum(_size(part) for part in path.iterdir()) if path.is_dir() else path.stat().st_size
    except OSError:  # it is not there yet, or no longer
        return 0


class _SteadyFile(io.FileIO):
    """Writes to the disk as it is written to, so that its size shows whether a slow disk still takes bytes."""

    _unsynced = 0

    def write(self, data: Any) -> int:
        count = super().write(memoryview(data).cast("B")[:_STEP])
        self._unsynced += count
        if self._unsynced >= _STEP:
            os.fsync(self.fileno())
            self._unsynced = 0
        return count


def open_steadily(path: Path) -> io.BufferedRandom:
    """Open a new large file for writing and reading."""
    return io.BufferedRandom(_SteadyFile(path, "w+"))


def link(source: Path, target: Path, *, replaceable: Callable[[Path], bool] = _no_folder) -> None:
    """Give `source` the further name `target`: a hard link, or a copy if the file system has no hard links.

    The files of a folder are linked one by one. Linked files share their bytes. Therefore no file of a run is ever
    opened for writing; it is replaced.

    Args:
        source: A file or a folder of files.
        target: The further name. A file or a link of that name is replaced.
        replaceable: Whether a folder of that name may be replaced; by default no folder may.

    Raises:
        OSError: The system refused, or a folder that must not be replaced has the name. What was there is unchanged.
    """
    with _replacing(target, replaceable) as temporary:
        if source.is_dir():
            temporary.mkdir()
            for file in source.iterdir():
                _link_file(file, temporary / file.name)
            sync_folder(temporary)
        else:
            _link_file(source, temporary)


def _link_file(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
        _sync(target)


def link_softly(path: Path, goal: str) -> None:
    """Write or replace a symbolic link.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    with _replacing(path, _no_folder) as temporary:
        temporary.symlink_to(goal)


def sync_folder(folder: Path) -> None:
    """Write the folder's new entries to the disk, if the system has a call for that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _replacing(path: Path, replaceable: Callable[[Path], bool]) -> Iterator[Path]:
    """A name in the same folder for what takes the name `path`, in one step, when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # A leftover of a killed process with this number may be a link to a checkpoint, which must not be written into.
    remove(temporary)
    try:
        yield temporary
        if (path.is_dir() and replaceable(path)) or (temporary.is_dir() and path.is_file()):
            _replace_folder(temporary, path)
        else:
            _replace(temporary, path)
    finally:
        # Also after a success: renaming a file onto another link to the same file does nothing and leaves the name.
        with contextlib.suppress(OSError):
            remove(temporary)
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with the files in it. What is already gone is not an error.

    Raises:
        OSError: The system refused.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace_folder(temporary: Path, path: Path) -> None:
    """Replace a file or folder by a folder in two steps, since no system has one step for it.

    A process that is killed between the two steps leaves the old one under `.NAME.PID.old`.
    """
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    remove(old)
    path.rename(old)
    try:
        temporary.rename(path)
    except OSError:
        old.rename(path)
        raise
    sync_folder(path.parent)
    remove(old)


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


def _sync(path: Path) -> None:
    if path.is_dir():
        for part in path.iterdir():
            _sync(part)
        sync_folder(path)
        return
    with path.open("rb+") as file:
        os.fsync(file.fileno())
