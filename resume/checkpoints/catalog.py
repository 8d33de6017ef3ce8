"""The checkpoints of a folder: found by name, described from inside."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from resume.checkpoints.description import Checkpoint, describe
from resume.checkpoints.paths import content_file, holds_shards_alone, is_logs, is_shards, place_of, size_and_time
from resume.run_files import KINDS, LEFTOVER, LOGS, Kind, removal_order, replaced_name, role_of
from resume.system.errors import ResumeError
from resume.system.output import text

# How many of the newest epoch files are opened to find a usable one of the current run.
SEARCHED_EPOCH_FILES = 20


@dataclass(frozen=True)
class OwnedFile:
    """A file of the program as it was when it was shown; size and time tell whether it has changed since."""

    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Catalog:
    """What the menu shows of a folder.

    Attributes:
        shown: One checkpoint of each kind that the folder holds, in the menu's order.
        epoch_count: The number of epoch files.
        owned: Names of all files of the run and of all leftovers, in the order in which they are deleted or moved.
    """

    folder: Path
    shown: tuple[Checkpoint, ...]
    epoch_count: int
    owned: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of checkpoint files."""
        return sum(self.epoch_count if found.kind == "epoch" else 1 for found in self.shown)

    def find(self, kind: Kind) -> Checkpoint | None:
        """The checkpoint of this kind."""
        return next((found for found in self.shown if found.kind == kind), None)

    @property
    def run_id(self) -> str | None:
        """The run that the folder holds: the run of latest, else that of the file saved last."""
        usable = [found for found in self.shown if not found.damage]
        if not usable:
            return None
        return next((found for found in usable if found.kind == "latest"), max(usable, key=lambda f: f.saved_at)).run_id

    @property
    def newest(self) -> Checkpoint | None:
        """The usable checkpoint that is furthest in the folder's run; the first of equal ones."""
        candidates = [found for found in self.shown if not found.damage and found.run_id == self.run_id]
        return max(candidates, key=lambda found: found.age_key, default=None)


def read_catalog(folder: Path) -> Catalog:
    """Find and describe the checkpoints of a folder. A folder that does not exist holds none.

    Only what the menu shows is opened: of a folder with 10,000 epoch files, usually four files.

    Raises:
        ResumeError: `folder` is not a folder, or it cannot be read.
    """
    names = list_names(folder)
    owned = sorted((name for name in names if role_of(name)), key=removal_order)
    shown = [describe(folder / name, kind) for kind, name in KINDS.items() if name in names]
    run_id = Catalog(folder, tuple(shown), 0, ()).run_id
    epoch_names = [name for name in reversed(owned) if role_of(name) == "epoch"]
    if epoch_names:
        shown.append(_newest_epoch_file([folder / name for name in epoch_names], run_id))
    return Catalog(folder, tuple(shown), len(epoch_names), tuple(owned))


def _newest_epoch_file(paths: list[Path], run_id: str | None) -> Checkpoint:
    """The usable file with the highest number, of the current run if possible; else the highest number."""
    fallback: Checkpoint | None = None
    for path in paths[:SEARCHED_EPOCH_FILES]:
        found = describe(path, "epoch")
        if not found.damage and (run_id is None or found.run_id == run_id):
            return found
        if fallback is None or (fallback.damage and not found.damage):
            fallback = found
    assert fallback is not None
    return fallback


def list_names(folder: Path) -> set[str]:
    """Names of the files directly in a folder, links and folders of the program included. None if it does not exist.

    A checkpoint that a killed save renamed is listed under its own name (`place_of`).

    Raises:
        ResumeError: `folder` is not a folder, or it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if _is_listed(entry)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ResumeError(
            text("--checkpoint_dir {folder}: cannot be read as a folder ({reason}).").format(
                folder=folder, reason=error.strerror
            )
        ) from error
    for name in {replaced for name in names if (replaced := replaced_name(name))} - names:
        place = place_of(folder / name)
        if place.name != name:
            names = names - {place.name} | {name}
    return names


def _is_listed(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a file or a link, or else a folder of the program or what a killed process left of one."""
    if entry.name == LOGS:
        return is_logs(Path(entry.path))
    if not entry.is_dir(follow_symlinks=False):
        return True
    role = role_of(entry.name)
    if role == LEFTOVER:
        return holds_shards_alone(Path(entry.path)) or is_logs(Path(entry.path))
    return role is not None and is_shards(Path(entry.path))


def stamp(folder: Path, name: str) -> OwnedFile | None:
    """A file as it is now; None if it is gone."""
    # Not from the listing: Windows lists stale sizes of linked files.
    try:
        return OwnedFile(name, *size_and_time(folder / name, follow_symlinks=False))
    except OSError:
        return None


def stamps(folder: Path, names: list[str] | tuple[str, ...]) -> tuple[OwnedFile, ...]:
    """The files as they are now, without those that are gone."""
    return tuple(found for name in names if (found := stamp(folder, name)))


def same_files(path: Path | None, folder: Path, names: Iterable[str]) -> set[str]:
    """Those of the names in a folder that mean the file at `path`: the path itself, another spelling, or a link."""
    status = None if path is None else _status(path)
    if status is None:
        return set()
    return {name for name in names if (there := _status(folder / name)) and os.path.samestat(status, there)}


def _status(path: Path) -> os.stat_result | None:
    try:
        return content_file(path).stat()
    except OSError:
        return None
