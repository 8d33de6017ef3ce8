"""Move files of a run to the archive: all of them or none. At every moment, each file is in exactly one place."""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resume.checkpoints.paths import place_of
from resume.decision import Archive
from resume.journal import remove_journal, write_journal
from resume.run_files import ARCHIVE, archive_name, is_archive_name
from resume.system.durable_files import link, link_softly, sync_folder
from resume.system.errors import ResumeError
from resume.system.output import say, text


@dataclass(frozen=True)
class _Link:
    """A symbolic link that leads to another file once it is moved.

    Attributes:
        before: The path that it contains.
        anywhere: A path to the same file that holds in both folders.
    """

    before: str
    anywhere: str


def move_to_archive(folder: Path, archive: Archive) -> Path:
    """Move the files to `archive/<UTC time>`, and return that folder.

    Raises:
        ResumeError: The system refused. The message says what was moved, usually nothing.
    """
    target = _new_archive_folder(folder)
    try:
        write_journal(folder, target, archive)
    except BaseException as error:
        remove_journal(folder)
        with contextlib.suppress(OSError):
            target.rmdir()
        if not isinstance(error, OSError):
            raise
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=folder, reason=error.strerror)
            + " "
            + text("Nothing was moved.")
        ) from error
    _move(folder, target, [file.name for file in archive.files])
    # The new places must be on the disk before the journal goes.
    sync_folder(target)
    sync_folder(folder)
    remove_journal(folder)
    return target


def keep_in_archive(folder: Path, name: str) -> Path:
    """Give a checkpoint of a run the further name `archive/<UTC time>/name`, and return that name.

    It also keeps its own name until that is given to another file, so a kill at any moment loses nothing, and a start
    that is repeated finds it.

    Raises:
        ResumeError: The system refused.
    """
    source = place_of(folder / name)
    for earlier in sorted((folder / ARCHIVE).glob(f"*/{name}")):
        if is_archive_name(earlier.parent.name) and earlier.samefile(source):
            return earlier
    target = _new_archive_folder(folder) / name
    try:
        link(source, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            target.parent.rmdir()
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error
    return target


def _new_archive_folder(folder: Path) -> Path:
    """Make `archive/<UTC time>`, with -2, -3, … if that name is taken."""
    now = datetime.now(UTC)
    number = 1
    target = folder / ARCHIVE
    try:
        target.mkdir(parents=True, exist_ok=True)
        while True:
            target = folder / ARCHIVE / archive_name(now, number)
            try:
                target.mkdir()
            except FileExistsError:
                number += 1
            else:
                sync_folder(target.parent)
                return target
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be created ({reason}). Nothing was moved.").format(path=target, reason=error.strerror)
        ) from error


def _move(folder: Path, target: Path, names: list[str]) -> None:
    """Move all files. If the system refuses one or the user interrupts, move none."""
    links = _links_to_mend(folder, names)
    try:
        for name in names:
            if name in links:
                link_softly(folder / name, links[name].anywhere)
            (folder / name).rename(target / name)
    except BaseException as error:
        stayed = _move_back(folder, target, names, links)
        consequence = text("Nothing was moved.")
        if stayed:
            consequence = text("Left in {folder}: {names}.").format(folder=target, names=", ".join(stayed))
        else:
            remove_journal(folder)
        if not isinstance(error, OSError):
            if stayed:
                say(consequence)
            raise
        raise ResumeError(
            text("{path}: cannot be moved ({reason}).").format(path=error.filename, reason=error.strerror)
            + f" {consequence}"
        ) from error


def _links_to_mend(folder: Path, names: list[str]) -> dict[str, _Link]:
    """Symbolic links whose paths hold only in the folder in which they are.

    These links are mended before they move. A path from the root, or the name of a file that moves too, holds in both
    folders. A kill in between therefore leaves no broken link.
    """
    here = folder.resolve()
    links: dict[str, _Link] = {}
    for name in names:
        if not (folder / name).is_symlink():
            continue
        before = os.readlink(folder / name)  # noqa: PTH115 - Path.readlink() normalises the path
        goal = here / before
        # Resolve only the folders: the goal may itself be a link, to be followed when the file is opened.
        goal = Path(os.path.realpath(goal.parent)) / goal.name
        if goal.is_symlink() and not (goal.parent == here and goal.name in names):
            goal = Path(os.path.realpath(goal))  # a link that is not moved may lead to a file that is moved
        anywhere = goal.name if goal.parent == here and goal.name in names else str(goal)
        if anywhere != before:
            links[name] = _Link(before, anywhere)
    return links


def _move_back(folder: Path, target: Path, names: list[str], links: dict[str, _Link]) -> list[str]:
    """Undo a move, and return the names for which the system refuses.

    The folder `target` is looked at, and no record of the moves is kept: an interrupt may come before such a record.
    """
    stayed = []
    for name in names:
        try:
            if os.path.lexists(target / name):
                if os.path.lexists(folder / name):
                    raise FileExistsError(name)
                (target / name).rename(folder / name)
        except OSError:
            stayed.append(name)
        else:
            if name in links:
                with contextlib.suppress(OSError):  # the mended path leads to the same file
                    link_softly(folder / name, links[name].before)
    with contextlib.suppress(OSError):
        target.rmdir()
    return stayed
