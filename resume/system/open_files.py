"""Find files that the system would refuse to delete or move: on Windows, files that another program has open."""

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from resume.system.errors import ResumeError
from resume.system.output import text

# How long to wait (s), for all files together: a virus scanner or an indexing service opens a file for a moment.
PATIENCE = 1.0
_PAUSE = 0.05


def refuse_open_files(folder: Path, names: Sequence[str], consequence: str) -> None:
    """Check that all files can be deleted or moved, before the first of them is. Nothing is changed.

    Args:
        folder: The folder of the files.
        names: The names of the files.
        consequence: The sentence of the message that says that nothing was done.

    Raises:
        ResumeError: A file is open in another program, or write-protected.
    """
    end = time.monotonic() + PATIENCE
    for name in names:
        path = folder / name
        while (reason := _why_not(path)) is not None:
            if time.monotonic() >= end:
                raise ResumeError(
                    text(
                        "{path} is open in another program, or protected ({reason}). {consequence} "
                        "Close it there and start again."
                    ).format(path=path, reason=reason, consequence=consequence)
                )
            time.sleep(_PAUSE)


def _why_not(path: Path) -> str | None:
    """Why the system would refuse to delete or move a file; None if it would not."""
    try:
        # Windows requires the right to delete before it compares the names; other systems do nothing here.
        os.rename(path, path)  # noqa: PTH104 - Path.rename is the move itself
        attributes = getattr(path.lstat(), "st_file_attributes", 0)
    except OSError as error:
        return error.strerror or type(error).__name__
    return text("write-protected") if attributes & stat.FILE_ATTRIBUTE_READONLY else None
