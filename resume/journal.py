"""The journal of a move: written before the first file moves, so that after a kill the next start can report it."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from resume.decision import Archive
from resume.run_files import JOURNAL
from resume.system.durable_files import sync_folder, write_text


@dataclass(frozen=True)
class UnfinishedMove:
    """A move that was killed before its end.

    Attributes:
        target: The folder to which the files were moved.
        moved: Names of the files that are there.
        left: Names of the files that have not been moved.
        continue_with: The name of the file among them to resume from.
    """

    target: Path
    moved: tuple[str, ...]
    left: tuple[str, ...]
    continue_with: str | None


def write_journal(folder: Path, target: Path, archive: Archive) -> None:
    """Write down what is about to be moved.

    Args:
        folder: The folder of the files.
        target: A folder below it.
        archive: The files.

    Raises:
        OSError: The journal cannot be written.
    """
    names = [file.name for file in archive.files]
    # Relative: the whole folder may be moved before the journal is read.
    content = {"target": target.relative_to(folder).parts, "files": names, "continue_with": archive.continue_with}
    write_text(folder / JOURNAL, json.dumps(content))


def remove_journal(folder: Path) -> None:
    """Remove the journal: the move has ended, or the user has been told how far it came."""
    if _read_journal(folder) is None:
        return  # there is none, or the file of that name is not this program's
    with contextlib.suppress(OSError):
        (folder / JOURNAL).unlink(missing_ok=True)
    sync_folder(folder)


def unfinished_move(folder: Path) -> UnfinishedMove | None:
    """The move in this folder that was killed before its end; None if there is none."""
    journal = _read_journal(folder)
    if journal is None:
        return None
    target, names, continue_with = journal
    moved = tuple(name for name in names if os.path.lexists(target / name))
    left = tuple(name for name in names if name not in moved and os.path.lexists(folder / name))
    return UnfinishedMove(target, moved, left, continue_with) if moved else None


def _read_journal(folder: Path) -> tuple[Path, list[str], str | None] | None:
    """The target, the files, and the one to resume from; None if there is no journal, or it is not this program's."""
    try:
        content = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
        return folder.joinpath(*content["target"]), [str(name) for name in content["files"]], content["continue_with"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
