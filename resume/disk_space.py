"""Room for the run's files, looked at while every file is still in place."""

import os
import shutil
from pathlib import Path

from resume.checkpoints.catalog import OWNED, list_names, role_of
from resume.checkpoints.paths import is_shards, parts, size_on_disk
from resume.decision import Decision, Resume, StartOver
from resume.menu.layout import size_text
from resume.system.errors import ResumeError
from resume.system.output import say, text


def require_space(decision: Decision, size: int, kept: int) -> None:
    """See that the run's files can be written after the decision has been carried out. Nothing is left behind.

    Where one checkpoint fits, but not all that will be kept in the end, a warning is said.

    Args:
        decision: What is about to be applied; what it deletes counts as free.
        size: Bytes that one checkpoint takes, by estimation; on a resume, the checkpoint's own size counts.
        kept: How many checkpoints the run keeps at once in the end.

    Raises:
        ResumeError: A checkpoint does not fit, the folder cannot be made or written, or it holds folders with
            the names of the run's files.
    """
    folder = decision.checkpoint_dir
    try:
        existing = _writable_part(folder)
        taken = sorted(
            path.name for path in existing.iterdir() if role_of(path.name) and path.is_dir() and not is_shards(path)
        )
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
    if isinstance(decision, Resume):
        size = decision.checkpoint.size
    free = shutil.disk_usage(existing).free + _freed(decision)
    if free < size:
        raise ResumeError(
            text("{folder}: {free} are free on this disk, and one checkpoint takes {needed}.").format(
                folder=folder, free=size_text(free), needed=size_text(size)
            )
            + " "
            + text("Make room, or choose another disk with --checkpoint_dir.")
        )
    needed = size * (kept + 1)  # a file is written whole before the one that it replaces goes
    if free + _kept_by(decision) < needed:
        say(
            text(
                "Warning: {folder}: {free} are free on this disk, and the {count} checkpoints that this run keeps in "
                "the end take {needed}. What does not fit will not be saved. Make room, or keep fewer with "
                "--checkpoint.keep_last."
            ).format(folder=folder, free=size_text(free), count=kept, needed=size_text(needed))
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


def _kept_by(decision: Decision) -> int:
    """Bytes that the run's checkpoints take already; the names of one linked file count once."""
    if not isinstance(decision, Resume):
        return 0
    folder = decision.checkpoint_dir
    leaving = {file.name for file in decision.archive.files} if decision.archive else set()
    return size_on_disk(folder / name for name in list_names(folder) - leaving if role_of(name) in OWNED)


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
        for part in parts(path):
            status = part.lstat()
            key = (status.st_dev, status.st_ino)
            names_going[key] = names_going.get(key, 0) + 1
            sizes[key] = status.st_size if names_going[key] == status.st_nlink else 0
    return sum(sizes.values())
