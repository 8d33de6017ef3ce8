"""Who waits for what comes through a pipe."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path


def readers(files: Iterable[Path]) -> list[int]:
    """For each pipe that somebody reads from, a descriptor for writing; while it is open, the reader waits for text."""
    return [descriptor for file in files if (descriptor := _reader(file)) is not None]


def _reader(file: Path) -> int | None:
    if not file.is_fifo():
        return None
    try:
        return os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:  # nobody reads
            raise
        return None
