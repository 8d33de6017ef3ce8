"""Move files of a run to the archive: all of them or none, each in exactly one place at every moment."""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resume.decision import Archive
from resume.journal import forget_move, note_move
from resume.plan import ARCHIVE
from resume.system.durable_files import link_softly, sync_folder
from resume.system.errors import ResumeError
from resume.system.output import say, text


@dataclass(frozen=True)
class _Link:
    """A symbolic link: what it says, and what it has to say to lead to the same file from another folder too."""

    before: str
    anywhere: str


def move_to_archive(folder: Path, archive: Archive) -> Path:
    """Move the files to `archive/<UTC time>`, and return that folder.

    Raises:
        ResumeError: The system refused; the message says what was moved, as a rule nothing.
    """
    target = _new_archive_folder(folder)
    try:
        note_move(folder, target, archive)
    except BaseException as error:
        forget_move(folder)
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
    # First the new places, then the word that all is done.
    sync_folder(target)
    sync_folder(folder)
    forget_move(folder)
    return target


def _new_archive_folder(folder: Path) -> Path:
    """`archive/<UTC time>`, with -2, -3, … where that is taken."""
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    target = folder / ARCHIVE
    try:
        target.mkdir(parents=True, exist_ok=True)
        while True:
            target = folder / ARCHIVE / (name if number == 1 else f"{name}-{number}")
            try:
                target.mkdir()
            except FileExistsError:
                number += 1
            else:
                sync_folder(target.parent)
                return target
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be made ({reason}). Nothing was moved.").format(path=target, reason=error.strerror)
        ) from error


def _move(folder: Path, target: Path, names: list[str]) -> None:
    """Move all files or, where the system refuses one or the user interrupts, none."""
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
            forget_move(folder)
        if not isinstance(error, OSError):
            if stayed:
                say(consequence)
            raise
        raise ResumeError(
            text("{path}: cannot be moved ({reason}).").format(path=error.filename, reason=error.strerror)
            + f" {consequence}"
        ) from error


def _links_to_mend(folder: Path, names: list[str]) -> dict[str, _Link]:
    """Symbolic links whose words are right only where they lie.

    They are mended before they move: a link that says the way from the root, or names a file that moves along,
    is right in both places, so that a kill in between leaves no link that leads nowhere.
    """
    here = folder.resolve()
    links: dict[str, _Link] = {}
    for name in names:
        if not (folder / name).is_symlink():
            continue
        before = os.readlink(folder / name)  # noqa: PTH115 - Path.readlink() tidies the words up
        goal = here / before
        # Only the folders on the way: the goal may be a link itself, to be followed when the file is opened.
        goal = Path(os.path.realpath(goal.parent)) / goal.name
        if goal.is_symlink() and not (goal.parent == here and goal.name in names):
            goal = Path(os.path.realpath(goal))  # a link that stays may lead to a file that moves
        anywhere = goal.name if goal.parent == here and goal.name in names else str(goal)
        if anywhere != before:
            links[name] = _Link(before, anywhere)
    return links


def _move_back(folder: Path, target: Path, names: list[str], links: dict[str, _Link]) -> list[str]:
    """Undo a move; returns the names for which the system refuses that.

    What lies in `target` counts, and not what was noted: an interrupt comes between a move and its note too.
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
                with contextlib.suppress(OSError):  # the mended words lead to the same file
                    link_softly(folder / name, links[name].before)
    with contextlib.suppress(OSError):
        target.rmdir()
    return stayed
