"""Which checkpoints a folder holds: found by name, described from inside."""

import contextlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from resume.checkpoints.description import Checkpoint, Kind, describe
from resume.checkpoints.paths import content_file, holds_shards_alone, is_shards, size_and_time
from resume.system.errors import ResumeError
from resume.system.output import text

CONFIG = "config.yaml"
BEST = "best_model.pth"
EPOCH_FILES = "checkpoint_epoch_*.pth"

# Every name that the program gives to a file in the checkpoint folder; by name, it deletes or moves no other.
# In the order in which that happens: what a resume needs most goes last.
OWNED: dict[str, str] = {
    "history": r"training_history\.(?:png|csv)",
    "epoch": r"checkpoint_epoch_([1-9][0-9]*)\.pth",
    "best": r"best_model\.pth",
    "interrupted": r"interrupted_checkpoint\.pth",
    "config": r"config\.yaml",
    "latest": r"latest_checkpoint\.pth",
}
# The lock's record and the journal of a move: no files of a run, and never deleted or moved with one.
_NOTES = (r"\.training_run\.json", r"\.archive_journal\.json")
LEFTOVER = rf"\.(?:{'|'.join([*OWNED.values(), *_NOTES])})\.[0-9]+\.(?:tmp|old)"  # of a save that was killed
LEFTOVER_ROLE = "leftover"
_REPLACED = re.compile(r"\.(.+)\.[0-9]+\.old")
_PATTERNS = {
    LEFTOVER_ROLE: re.compile(LEFTOVER),
    **{role: re.compile(pattern) for role, pattern in OWNED.items()},
}
_ROLE_ORDER = list(_PATTERNS)
# The menu's order.
KINDS: dict[Kind, str] = {
    "latest": "latest_checkpoint.pth",
    "interrupted": "interrupted_checkpoint.pth",
    "best": BEST,
    "epoch": EPOCH_FILES,
}
# So many of the newest epoch files are opened in search of a sound one of the current run.
SEARCHED_EPOCH_FILES = 20


def role_of(name: str) -> str | None:
    """What a file is to the program, by its name; None where the name is none of the program's."""
    return next((role for role, pattern in _PATTERNS.items() if pattern.fullmatch(name)), None)


def epoch_of(name: str) -> int:
    """The number in the name of an epoch file; 0 in other names."""
    match = _PATTERNS["epoch"].fullmatch(name)
    return int(match[1]) if match else 0


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
        epoch_count: How many epoch files there are.
        owned: Names of all files of the program there, in the order in which they are deleted or moved.
    """

    folder: Path
    shown: tuple[Checkpoint, ...]
    epoch_count: int
    owned: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many checkpoint files there are."""
        return sum(self.epoch_count if found.kind == "epoch" else 1 for found in self.shown)

    def find(self, kind: Kind) -> Checkpoint | None:
        """The checkpoint of this kind."""
        return next((found for found in self.shown if found.kind == kind), None)

    @property
    def run_id(self) -> str | None:
        """The run that the folder holds: that of latest, else that of the file saved last."""
        sound = [found for found in self.shown if not found.damage]
        if not sound:
            return None
        return next((found for found in sound if found.kind == "latest"), max(sound, key=lambda f: f.saved_at)).run_id

    @property
    def newest(self) -> Checkpoint | None:
        """The sound checkpoint that is furthest in the folder's run; the first of equal ones."""
        candidates = [found for found in self.shown if not found.damage and found.run_id == self.run_id]
        return max(candidates, key=lambda found: found.age_key, default=None)


def read_catalog(folder: Path) -> Catalog:
    """Find and describe the checkpoints of a folder; one that does not exist holds none.

    Only what the menu shows is opened: with 10,000 epoch files, as a rule four files.

    Raises:
        ResumeError: `folder` is no folder, or cannot be read.
    """
    names = list_names(folder)
    owned = sorted((name for name in names if role_of(name)), key=_deletion_order)
    shown = [describe(folder / name, kind) for kind, name in KINDS.items() if name in names]
    run_id = Catalog(folder, tuple(shown), 0, ()).run_id
    epoch_names = [name for name in reversed(owned) if role_of(name) == "epoch"]
    if epoch_names:
        shown.append(_newest_epoch_file([folder / name for name in epoch_names], run_id))
    return Catalog(folder, tuple(shown), len(epoch_names), tuple(owned))


def _deletion_order(name: str) -> tuple[int, int, str]:
    return _ROLE_ORDER.index(role_of(name) or ""), epoch_of(name), name


def _newest_epoch_file(paths: list[Path], run_id: str | None) -> Checkpoint:
    """The sound one with the highest number, of the current run where possible; else the highest number."""
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
    """Names of the files directly in a folder, links and sharded checkpoints included; none where it does not exist.

    Raises:
        ResumeError: `folder` is no folder, or cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False) or _is_ours(entry)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ResumeError(
            text("--checkpoint_dir {folder}: cannot be read as a folder ({reason}).").format(
                folder=folder, reason=error.strerror
            )
        ) from error


def _is_ours(folder: os.DirEntry[str]) -> bool:
    """Whether a folder is a sharded checkpoint of the program, or what a killed save has left of one."""
    role = role_of(folder.name)
    if role == LEFTOVER_ROLE:
        return holds_shards_alone(Path(folder.path))
    return role is not None and is_shards(Path(folder.path))


def stamp(folder: Path, name: str) -> OwnedFile | None:
    """A file as it is now; None where it is gone."""
    # Not from the listing: Windows lists stale sizes of linked files.
    try:
        return OwnedFile(name, *size_and_time(folder / name, follow_symlinks=False))
    except OSError:
        return None


def stamps(folder: Path, names: list[str] | tuple[str, ...]) -> tuple[OwnedFile, ...]:
    """The files as they are now, without those that are gone."""
    return tuple(found for name in names if (found := stamp(folder, name)))


def same_files(path: Path | None, folder: Path, names: Iterable[str]) -> set[str]:
    """Those of the names in a folder that mean the file at `path`: itself, spelled otherwise, or linked."""
    status = None if path is None else _status(path)
    if status is None:
        return set()
    return {name for name in names if (there := _status(folder / name)) and os.path.samestat(status, there)}


def _status(path: Path) -> os.stat_result | None:
    try:
        return content_file(path).stat()
    except OSError:
        return None


def restore_replaced(folder: Path) -> None:
    """Give a sharded checkpoint its name back that a killed save had moved away, and not yet replaced."""
    for old in list_names(folder):
        match = _REPLACED.fullmatch(old)
        if match and role_of(old) == LEFTOVER_ROLE and not os.path.lexists(folder / match[1]):
            with contextlib.suppress(OSError):
                (folder / old).rename(folder / match[1])
