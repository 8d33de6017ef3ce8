"""Files that are either the old one or the new one, whole, at every moment."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from typing_extensions import override


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name, all at once, when the block ends without an error.

    It lies in the same folder, since only there replacing a file is atomic, and is on the disk before it gets the name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # One that a killed process of the same number left may be a second name of a good file: never write into it.
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Give the file `source` the further name `target`: a hard link, or a copy where the file system has none.

    Linked files share their bytes, so no file of a run is ever opened for writing; it is replaced.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        with staged(target) as copy:
            shutil.copyfile(source, copy)
        return
    try:
        temporary.replace(target)
    finally:
        # Renaming onto another link to the same file does nothing, and leaves the temporary name.
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the folder's new entries to the disk; Windows has no such call and does so by itself."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot, and the file is in place by now
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints through `staged`. Lightning's own stages in $TMPDIR, where a kill leaves half a file in place."""

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)
