"""Room for the run's files, looked at while every file is still in place."""

import os
import shutil
from pathlib import Path

from resume.catalog import role_of
from resume.decision import Decision, StartOver
from resume.errors import ResumeError
from resume.messages import text
from resume.screen import size_text


def require_space(decision: Decision, needed: int) -> None:
    """See that the run's files can be written after the decision has been carried out. Nothing is left behind.

    Args:
        decision: What is about to be applied; what it deletes counts as free.
        needed: Bytes that one checkpoint takes.

    Raises:
        ResumeError: A checkpoint does not fit, the folder cannot be made or written, or it holds folders with
            the names of the run's files.
    """
    folder = decision.checkpoint_dir
    try:
        existing = _writable_part(folder)
        taken = sorted(path.name for path in existing.iterdir() if role_of(path.name) and path.is_dir())
    except OSError as error:
        raise ResumeError(
            text("{folder}: files cannot be written there ({reason}).").format(
                folder=folder, reason=error.strerror or error
            )
        ) from error
    if taken and existing == folder.absolute():
        raise ResumeError(
            text(
                "{folder}: folders have the names of files that the program writes: {names}. "
                "Rename them, or choose another --checkpoint_dir."
            ).format(folder=folder, names=", ".join(taken))
        )
    free = shutil.disk_usage(existing).free + _freed(decision)
    if free < needed:
        raise ResumeError(
            text("{folder}: {free} are free on this disk, and one checkpoint takes {needed}.").format(
                folder=folder, free=size_text(free), needed=size_text(needed)
            )
            + " "
            + text("Make room, or choose another disk with --checkpoint_dir.")
        )


def _writable_part(folder: Path) -> Path:
    """The folder or, where that is yet to be made, the one in which the making begins.

    Raises:
        OSError: Nothing can be written in it.
    """
    import tempfile  # takes 10 ms, for which the menu would have to wait

    path = folder.absolute()
    existing = next(part for part in (path, *path.parents) if os.path.lexists(part))
    if not existing.is_dir():
        raise NotADirectoryError(text("{path} is no folder, expected one").format(path=existing))
    with tempfile.TemporaryFile(dir=existing):
        return existing


def _freed(decision: Decision) -> int:
    """Bytes that come free; the names of one linked file count once, and only if all of them go."""
    if not isinstance(decision, StartOver):
        return 0
    names_going: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], int] = {}
    for file in decision.files:
        path: Path = decision.checkpoint_dir / file.name
        if path.is_symlink() or not path.exists():
            continue
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        names_going[key] = names_going.get(key, 0) + 1
        sizes[key] = status.st_size if names_going[key] == status.st_nlink else 0
    return sum(sizes.values())
