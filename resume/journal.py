"""The journal of files that make way: on the disk before the first of them moves, so that a kill loses none."""

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resume.run_files import JOURNAL, is_archive_name
from resume.system.durable_files import sync_folder, write_text
from resume.system.errors import UnreadableError
from resume.system.small_files import MAX_BYTES, read_json


@dataclass(frozen=True)
class Journal:
    """What a start has set aside in a folder, and what becomes of it.

    Attributes:
        moved: Names of the files that make way. Each is in the folder, or in `.set_aside/` already.
        copied: Names of files that stay, but that the start replaces: `.set_aside/` has them as they were.
        stays: Names of all other files of the run that stay.
        links: Symbolic links among `moved`. For each, the path in it before, and one that holds in any folder.
        since: When they were set aside. A checkpoint that was saved later is of the start that set them aside.
        archives: Whether they go to the archive; else they are deleted.
        whole_run: Whether they are all files of a run, so that it can be continued from the archive.
        continue_with: The name of the file among them to resume from.
        is_going: Whether they go for good, because the first save is on the disk. Before, they come back.
        target: The name of their folder in the archive, known once they go.
    """

    moved: tuple[str, ...]
    copied: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    archives: bool = False
    whole_run: bool = True
    continue_with: str | None = None
    is_going: bool = False
    target: str | None = None


def write_journal(folder: Path, journal: Journal) -> None:
    """Write the journal of a folder, or replace it.

    Raises:
        OSError: It cannot be written; what was there before is unchanged.
    """
    content = json.dumps({**asdict(journal), "since": journal.since.isoformat()})
    if len(content) > MAX_BYTES:  # could not be read again; some 30,000 files
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(folder / JOURNAL))
    write_text(folder / JOURNAL, content)


def remove_journal(folder: Path) -> None:
    """Remove the journal: all its files have come to where they belong."""
    with contextlib.suppress(OSError):
        (folder / JOURNAL).unlink(missing_ok=True)
    sync_folder(folder)


def read_journal(folder: Path) -> Journal | None:
    """The journal of a folder; None if there is none, or if the file of that name is not this program's."""
    try:
        return _checked(read_json(folder / JOURNAL))
    except (OSError, UnreadableError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _checked(content: dict[str, Any]) -> Journal:
    """The journal with this content.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is not one that `write_journal` writes.
    """
    continue_with, target = content["continue_with"], content["target"]
    if target is not None and not is_archive_name(target):
        raise ValueError(target)
    return Journal(
        moved=_names(content["moved"]),
        copied=_names(content["copied"]),
        stays=_names(content["stays"]),
        links={_name(name): (str(before), str(anywhere)) for name, (before, anywhere) in content["links"].items()},
        since=datetime.fromisoformat(content["since"]).astimezone(UTC),
        archives=bool(content["archives"]),
        whole_run=bool(content["whole_run"]),
        continue_with=None if continue_with is None else _name(continue_with),
        is_going=bool(content["is_going"]),
        target=target,
    )


def _names(values: list[str]) -> tuple[str, ...]:
    return tuple(map(_name, values))


def _name(value: str) -> str:
    """A name in the folder itself: a journal that came with a folder must reach nothing outside of it.

    Raises:
        ValueError: The value is a path.
    """
    if value in ("", ".", "..") or Path(value).name != value:
        raise ValueError(value)
    return value
