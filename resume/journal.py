"""What is being moved, written down before the first file moves: after a kill, the next start tells where all lies."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from resume.commands import command_to_resume
from resume.decision import Archive
from resume.system.durable_files import sync_folder, write_text
from resume.system.output import say, text

JOURNAL = ".archive_journal.json"
_NAMED_FILES = 20


@dataclass(frozen=True)
class UnfinishedMove:
    """A move that was killed half-way.

    Attributes:
        target: Where the files were to go.
        moved: Names of those that lie there.
        left: Names of those that lie where they lay.
        continue_with: The file among them with which the run can be continued.
    """

    target: Path
    moved: tuple[str, ...]
    left: tuple[str, ...]
    continue_with: str | None


def note_move(folder: Path, target: Path, archive: Archive) -> None:
    """Write down, before the first file moves, what is about to be moved.

    Args:
        folder: Where the files lie.
        target: A folder below it.
        archive: The files.

    Raises:
        OSError: The note cannot be written.
    """
    names = [file.name for file in archive.files]
    # Relative: the whole folder may be moved before the note is read.
    content = {"target": target.relative_to(folder).parts, "files": names, "continue_with": archive.continue_with}
    write_text(folder / JOURNAL, json.dumps(content))


def forget_move(folder: Path) -> None:
    """The move has ended, or its end has been told: no note remains."""
    if _read_note(folder) is None:
        return  # none, or another's file of that name
    with contextlib.suppress(OSError):
        (folder / JOURNAL).unlink(missing_ok=True)
    sync_folder(folder)


def unfinished_move(folder: Path) -> UnfinishedMove | None:
    """The move in this folder that was killed half-way; None where there is none."""
    note = _read_note(folder)
    if note is None:
        return None
    target, names, continue_with = note
    moved = tuple(name for name in names if os.path.lexists(target / name))
    left = tuple(name for name in names if name not in moved and os.path.lexists(folder / name))
    return UnfinishedMove(target, moved, left, continue_with) if moved else None


def _read_note(folder: Path) -> tuple[Path, list[str], str | None] | None:
    """Where to, which files, and the one to continue with; None if there is no note, or none of this program."""
    try:
        noted = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
        return folder.joinpath(*noted["target"]), [str(name) for name in noted["files"]], noted["continue_with"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tell_unfinished_move(folder: Path) -> None:
    """Say where the files lie of a move that was killed half-way."""
    found = unfinished_move(folder)
    if found is None:
        return
    said = text("An earlier start was killed while it moved files of this run to {folder}. There: {names}.")
    say(said.format(folder=found.target, names=_names(found.moved)))
    if found.left:
        said = text("Still in {folder}: {names}. To put the run together again, move the files back.")
        say(said.format(folder=folder, names=_names(found.left)))
    elif found.continue_with is not None:
        say(text("To continue it: {command}").format(command=command_to_resume(found.target / found.continue_with)))


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_NAMED_FILES]) + (", ..." if len(names) > _NAMED_FILES else "")
