"""Set files of a run aside until the first save of the new one; then they go for good. Before, they can come back.

At every moment, each file is in the folder or in `.set_aside/`, and the journal says how it goes on. Whoever finds a
journal therefore gets one state or the other: all files back, or all gone.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from resume.archive import free_archive_name
from resume.checkpoints.catalog import list_names, read_catalog
from resume.checkpoints.description import describe
from resume.checkpoints.paths import size_on_disk
from resume.commands import command_to_resume
from resume.journal import Journal, read_journal, remove_journal, write_journal
from resume.portable_links import links_to_mend
from resume.run_files import ARCHIVE, KINDS, LEFTOVER, SET_ASIDE, is_archive_name, role_of
from resume.system.durable_files import link, link_softly, remove, staged, sync_folder
from resume.system.errors import ResumeError
from resume.system.output import plural, say, size_text, text


class NoJournalError(ResumeError):
    """The journal cannot be written, for example because the disk is full; nothing was changed."""


def set_aside(folder: Path, journal: Journal, consequence: str) -> None:
    """Move files to `.set_aside/`: all of them or none.

    Args:
        folder: The folder of the files.
        journal: Which files, and what becomes of them.
        consequence: The sentence of a message that says that nothing was done.

    Raises:
        NoJournalError: Nothing can be written there.
        ResumeError: A file of the user's is in the way, or the system refused a move. The message says what was moved,
            usually nothing.
    """
    place = folder / SET_ASIDE
    taken = [name for name in (*journal.moved, *journal.copied) if os.path.lexists(place / name)]
    if taken:
        said = text("{folder} holds other files: {names}. Move them elsewhere.")
        raise ResumeError(f"{said.format(folder=place, names=', '.join(taken))} {consequence}")
    journal = replace(journal, links=links_to_mend(folder, journal.moved))
    try:
        write_journal(folder, journal)
    except OSError as error:
        said = text("{path}: cannot be written ({reason}).").format(path=folder, reason=error.strerror)
        raise NoJournalError(f"{said} {consequence}") from error
    try:
        _make_place(folder, journal)
        _move(folder, journal)
    except BaseException as error:
        stayed = _bring_back(folder, journal)
        if stayed:
            consequence = text("Left in {folder}: {names}.").format(folder=place, names=", ".join(stayed))
        if not isinstance(error, OSError):
            if stayed:
                say(consequence)
            raise
        said = text("{path}: cannot be moved ({reason}).").format(path=error.filename, reason=error.strerror)
        raise ResumeError(f"{said} {consequence}") from error


def settle(folder: Path) -> list[str]:
    """Let what is set aside go for good if the start that did so has saved a checkpoint; else bring it back.

    To be called under the lock of the folder, at the end of that start, or at the next one if it was killed.

    Returns:
        Lines to print about what was done; none if nothing was set aside.

    Raises:
        ResumeError: The system refused. The next start tries again.
    """
    journal = read_journal(folder)
    if journal is None:
        return []
    if journal.is_going or _has_saved(folder, journal):
        return _let_go(folder, journal)
    was_moved = any(os.path.lexists(folder / SET_ASIDE / name) for name in journal.moved)
    stayed = _bring_back(folder, journal)
    if stayed:
        raise ResumeError(
            text("Files that were set aside in {place} cannot be moved back to {folder}: {names}.").format(
                place=folder / SET_ASIDE, folder=folder, names=", ".join(stayed)
            )
            + " "
            + text("The next start tries again.")
        )
    return [_back_text(folder, journal)] if was_moved else []


def let_go(folder: Path) -> list[str]:
    """Delete what is set aside, or move it to the archive.

    Returns:
        Lines to print about what was done; none if nothing was set aside.

    Raises:
        ResumeError: The system refused. The next call tries again.
    """
    journal = read_journal(folder)
    return [] if journal is None else _let_go(folder, journal)


def _let_go(folder: Path, journal: Journal) -> list[str]:
    place = folder / SET_ASIDE
    try:
        if not journal.is_going:
            target = free_archive_name(folder) if journal.archives else None
            journal = replace(journal, is_going=True, target=target)
            write_journal(folder, journal)
        for name in journal.copied if journal.archives else (*journal.copied, *journal.moved):
            remove(place / name)
        _remove_leftovers(place, journal)
        if journal.target is None:
            with contextlib.suppress(OSError):  # a file of the user's stays in it
                place.rmdir()
        elif os.path.lexists(place):
            place.rename(folder / ARCHIVE / journal.target)
            sync_folder(folder / ARCHIVE)
    except OSError as error:
        said = text("{path}: what was set aside there cannot be removed ({reason}).")
        raise ResumeError(
            said.format(path=place, reason=error.strerror or error) + " " + text("The next start tries again.")
        ) from error
    sync_folder(folder)
    remove_journal(folder)
    return _gone_lines(folder, journal)


def _make_place(folder: Path, journal: Journal) -> None:
    """Make `.set_aside/`, and see that it can become a folder of the archive.

    Raises:
        OSError: The archive is on another disk.
        ResumeError: The archive cannot be made.
    """
    place = folder / SET_ASIDE
    place.mkdir(exist_ok=True)
    if not journal.archives:
        return
    target = folder / ARCHIVE
    try:
        target /= free_archive_name(folder)
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be created ({reason}). Nothing was moved.").format(path=target, reason=error.strerror)
        ) from error
    place.rename(target)
    target.rename(place)


def _move(folder: Path, journal: Journal) -> None:
    place = folder / SET_ASIDE
    for name in journal.copied:
        _copy(folder / name, place / name)
    for name in journal.moved:
        if name in journal.links:
            link_softly(folder / name, journal.links[name][1])
        (folder / name).rename(place / name)
    sync_folder(place)
    sync_folder(folder)


def _copy(source: Path, target: Path) -> None:
    """Keep what is replaced as a whole by a further link, and a folder whose files are written into by a copy."""
    if not source.is_dir():
        link(source, target)
        return
    with staged(target) as temporary:
        shutil.copytree(source, temporary, symlinks=True)


def _has_saved(folder: Path, journal: Journal) -> bool:
    """Whether the start that wrote the journal has set aside everything, and has saved a whole checkpoint since."""
    if not all(os.path.lexists(folder / SET_ASIDE / name) for name in journal.moved):
        return False
    return any(not found.damage and found.saved_at >= journal.since for found in read_catalog(folder).shown)


def _bring_back(folder: Path, journal: Journal) -> list[str]:
    """Bring all files back to the folder, and return the names for which the system refuses.

    The folders are looked at, and no record of the moves is kept: an interrupt may come before such a record.
    """
    place = folder / SET_ASIDE
    stayed = []
    for name in [*_names_of_new_run(folder, journal), *journal.copied, *journal.moved]:
        try:
            if os.path.lexists(place / name):
                _put_in_place_of_new(folder, name, journal)
            elif name not in (*journal.moved, *journal.copied):
                _clear(folder, name, journal)
        except OSError:
            stayed.append(name)
        else:
            if name in journal.links:
                with contextlib.suppress(OSError):  # the mended path leads to the same file
                    link_softly(folder / name, journal.links[name][0])
    if stayed:
        return stayed
    _remove_leftovers(place, journal)
    archived = [path for path in (folder / ARCHIVE).glob("*") if is_archive_name(path.name)]
    for empty in (place, *archived, folder / ARCHIVE) if journal.archives else (place,):
        with contextlib.suppress(OSError):
            empty.rmdir()
    sync_folder(folder)
    remove_journal(folder)
    return []


def _put_in_place_of_new(folder: Path, name: str, journal: Journal) -> None:
    old, new = folder / SET_ASIDE / name, folder / name
    if _is_one_file(old, new):  # a copy of a file that was not replaced
        remove(old)
        return
    if os.path.lexists(new):
        _clear(folder, name, journal)
    old.rename(new)


def _names_of_new_run(folder: Path, journal: Journal) -> Iterator[str]:
    """Names in the folder that neither stayed nor made way."""
    known = {*journal.stays, *journal.copied, *journal.moved}
    return (name for name in sorted(list_names(folder)) if role_of(name) is not None and name not in known)


def _clear(folder: Path, name: str, journal: Journal) -> None:
    """Take away what the new run has written under a name. A checkpoint that it cannot have written is archived."""
    path = folder / name
    if role_of(name) in (*KINDS, None) and not _is_linked(folder, name, journal):
        found = describe(path)
        if found.damage or found.saved_at < journal.since:
            target = folder / ARCHIVE / free_archive_name(folder)
            target.mkdir()
            path.rename(target / name)
            return
    remove(path)


def _remove_leftovers(place: Path, journal: Journal) -> None:
    """Remove what a killed process left of a link that it was making."""
    with contextlib.suppress(OSError):
        for path in list(place.iterdir()):
            if role_of(path.name) == LEFTOVER and path.name not in journal.moved:
                remove(path)


def _is_linked(folder: Path, name: str, journal: Journal) -> bool:
    """Whether a file is only a further name of one that stays or has made way."""
    others = [folder / other for other in journal.stays]
    others += [folder / SET_ASIDE / other for other in journal.moved]
    return any(_is_one_file(folder / name, other) for other in others)


def _is_one_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _back_text(folder: Path, journal: Journal) -> str:
    count = len(journal.moved)
    said = plural("{count} file that had made way is back", "{count} files that had made way are back", count)
    line = text("The new run ended before its first save: {said} in {folder}.").format(said=said, folder=folder)
    return line if journal.archives else line + " " + text("No file was deleted.")


def _gone_lines(folder: Path, journal: Journal) -> list[str]:
    count = len(journal.moved)
    if journal.target is None:
        return [plural("Deleted {count} file.", "Deleted {count} files.", count)]
    target = folder / ARCHIVE / journal.target
    size = size_text(size_on_disk(target / name for name in journal.moved if os.path.lexists(target / name)))
    if not journal.whole_run:
        said = plural("Moved {count} later file of this run", "Moved {count} later files of this run", count)
        return [text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size)]
    said = plural("Moved the earlier run, {count} file,", "Moved the earlier run, {count} files,", count)
    line = text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size)
    if journal.continue_with is None:
        return [line, text("It holds no checkpoint to continue from.")]
    command = command_to_resume(target / journal.continue_with)
    return [line, text("To continue it: {command}").format(command=command)]
