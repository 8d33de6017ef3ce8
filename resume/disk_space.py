"""Free space for the run's files, checked while every file is still in place."""

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from resume.checkpoints.catalog import list_names
from resume.checkpoints.paths import is_shards, parts, place_of, size_on_disk
from resume.decision import Decision, Resume, StartOver
from resume.run_files import LOGS, is_of_run
from resume.system.errors import ResumeError
from resume.system.output import say, size_text, text

# The lock, the journal, `.set_aside`, the configuration, the table, the plot, three names of a checkpoint (to some file
# systems each link is a file), and one file that is written before it takes its name.
_FILES_OF_A_SAVE = 10


def require_space(decision: Decision, size: int, kept: int) -> Decision:
    """Check that the run's files can be written once the decision is carried out. The check leaves no file behind.

    If one checkpoint fits, but not all that the run keeps in the end, a warning is printed.

    Args:
        decision: What is about to be applied. What it deletes counts as free.
        size: Estimated size (bytes) of one checkpoint. On a resume, the size of the checkpoint itself is used.
        kept: How many checkpoints of different content are there at once in the end, the one in writing included.

    Returns:
        The decision. Starting over deletes at once if the disk does not hold a checkpoint beside the earlier files.

    Raises:
        ResumeError: A checkpoint does not fit, too few files can be created, the folder cannot be created or written,
            or it contains folders with the names of the run's files.
    """
    folder = decision.checkpoint_dir
    freed = _freed(decision)
    try:
        existing = _writable_part(folder)
        files = _FILES_OF_A_SAVE + _folders_to_make(folder)
        holds_both = not isinstance(decision, StartOver) or _has_room_for(existing, files)
        _try_files(existing, max(1, files - freed.files))
        taken = sorted(
            path.name
            for path in existing.iterdir()
            if is_of_run(path.name) and path.name != LOGS and path.is_dir() and not is_shards(path)
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
                "{folder} contains folders with the names of files that the program writes: {names}. "
                "Rename them, or choose another --checkpoint_dir."
            ).format(folder=folder, names=", ".join(taken))
        )
    if isinstance(decision, Resume):
        size = decision.checkpoint.size
    free_now = shutil.disk_usage(existing).free
    free = free_now + freed.bytes
    if free < size:
        raise ResumeError(
            text("{folder}: this disk has {free} free, but one checkpoint takes {needed}.").format(
                folder=folder, free=size_text(free), needed=size_text(size)
            )
            + " "
            + text("Free some space, or choose another disk with --checkpoint_dir.")
        )
    needed = size * kept
    if free + _kept_by(decision) < needed:
        say(
            text(
                "Warning: {folder}: this disk has {free} free, but the {count} checkpoints that this run has at once "
                "in the end take {needed}. What does not fit will not be saved. Free some space, or keep fewer with "
                "--checkpoint.keep_last."
            ).format(folder=folder, free=size_text(free), count=kept, needed=size_text(needed))
        )
    if isinstance(decision, StartOver) and not decision.at_once and not (holds_both and free_now >= size):
        say(both_do_not_fit(free_now))
        return replace(decision, at_once=True)
    return decision


def both_do_not_fit(free: int) -> str:
    """Say that files are deleted before training, instead of after the first save."""
    said = text("The disk ({free} free) does not hold both runs: the files will be deleted before training.")
    return said.format(free=size_text(free))


def _try_files(folder: Path, count: int) -> None:
    """Check that so many files can be created at once: a file system can have room for bytes, but for no more files.

    Raises:
        OSError: None can be created.
        ResumeError: Fewer can be created.
    """
    import tempfile  # takes 10 ms, which would delay the menu

    created = 0
    with contextlib.ExitStack() as files:
        try:
            while created < count:
                files.enter_context(tempfile.TemporaryFile(dir=folder))
                created += 1
        except OSError as error:
            if created == 0:
                raise
            raise ResumeError(
                text(
                    "{folder}: only {created} of the {count} files that a first save needs can be created there "
                    "({reason}). The file system or a quota limits the number of files (on Linux: df -i). Delete some "
                    "files, or choose another disk with --checkpoint_dir."
                ).format(folder=folder, created=created, count=count, reason=error.strerror or error)
            ) from error


def _has_room_for(folder: Path, count: int) -> bool:
    try:
        _try_files(folder, count)
    except (OSError, ResumeError):
        return False
    return True


def _folders_to_make(folder: Path) -> int:
    path = folder.absolute()
    return sum(1 for part in (path, *path.parents) if not os.path.lexists(part))


def _writable_part(folder: Path) -> Path:
    """The folder in which files are about to be written: the nearest existing one, if it is yet to be made.

    Raises:
        NotADirectoryError: Something else has its name.
    """
    path = folder.absolute()
    existing = next(part for part in (path, *path.parents) if os.path.lexists(part))
    if not existing.is_dir():
        raise NotADirectoryError(text("{path} is not a folder").format(path=existing))
    return existing


def _kept_by(decision: Decision) -> int:
    """Bytes that the run's files already take, without its logs. Names of one linked file count once."""
    if not isinstance(decision, Resume):
        return 0
    folder = decision.checkpoint_dir
    leaving = {LOGS} | ({file.name for file in decision.archive.files} if decision.archive else set())
    return size_on_disk(folder / name for name in list_names(folder) - leaving if is_of_run(name))


class Freed(NamedTuple):
    """What becomes free: bytes, and files that are no longer there."""

    bytes: int = 0
    files: int = 0


def _freed(decision: Decision) -> Freed:
    """What a decision frees. Names of one linked file count once, and only if all of them are deleted."""
    if not isinstance(decision, StartOver):
        return Freed()
    names_going: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], int] = {}
    for file in decision.files:
        place = place_of(decision.checkpoint_dir / file.name)
        if place.is_symlink() or not place.exists():
            continue
        for part in parts(place):
            status = part.lstat()
            key = (status.st_dev, status.st_ino)
            names_going[key] = names_going.get(key, 0) + 1
            if names_going[key] == status.st_nlink:
                sizes[key] = status.st_size
    return Freed(sum(sizes.values()), len(sizes))
