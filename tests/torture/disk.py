"""A disk that fills up in the middle of a run: a small one of its own, or a limit on the size of files."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

SIZE = "128m"  # the tmpfs; what is archived there takes half a megabyte a run
_BLOCKS = (bytes(2**20), bytes(2**12))
_LARGEST_FILE = 20_000  # bytes, where no disk can be made: less than a checkpoint, more than what a start prints


class Disk(Protocol):
    """Something that can be full."""

    def fill(self) -> None:
        """Let no checkpoint fit any more; called over and over, in the process that trains."""

    def free(self) -> None:
        """Let everything fit again; called once that process has ended."""


class SmallDisk:
    """A file system with a file that takes all its room."""

    def __init__(self, folder: Path) -> None:
        self._ballast = os.open(folder / "ballast", os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def fill(self) -> None:
        for block in _BLOCKS:
            with suppress(OSError):
                while True:
                    os.write(self._ballast, block)

    def free(self) -> None:
        os.ftruncate(self._ballast, 0)


class LimitedFiles:
    """No file may grow large; the limit ends with the process."""

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, resource.RLIM_INFINITY))

    def free(self) -> None:
        pass


@contextmanager
def disk_at(folder: Path) -> Iterator[Disk]:
    """Within the block, `folder` is a small disk, or as good as one."""
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    made = None
    if mount and unmount and os.geteuid() == 0:
        command = [mount, "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        made = subprocess.run(command, check=False, capture_output=True)
    if made is None or made.returncode != 0:
        yield LimitedFiles()
        return
    disk = SmallDisk(folder)
    try:
        yield disk
    finally:
        os.close(disk._ballast)
        subprocess.run([str(unmount), str(folder)], check=True)
