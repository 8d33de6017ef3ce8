"""The two forms of a checkpoint, and where it is: a file, or a folder of shards if several processes share a model.

Lightning and torch.distributed.checkpoint write the parts of such a folder; `resume.run_files` lists them. The only
other folder of a run is that of its loggers.
"""

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from resume.run_files import LOGS_MARK, RUN_ENTRY, SHARD, SHARDS_CONTENT, SHARDS_TABLE, replaced_name

_RUN_ID = re.compile(rb"([0-9a-f]{32})\n")


def place_of(path: Path) -> Path:
    """Where a checkpoint is: under its own name, or under `.NAME.PID.old`, the name that a killed save gave it.

    No system replaces a folder in one step. A save therefore renames the old checkpoint before the new one takes the
    name. A process that is killed in between leaves the old one, whole, under the other name. Whoever reads a
    checkpoint looks here; only `resume.apply` gives it its name back.

    Returns:
        `path`, if anything has that name or if there is no such leftover; else the newest whole leftover.
    """
    if os.path.lexists(path):
        return path
    try:
        with os.scandir(path.parent) as entries:
            found = [Path(entry.path) for entry in entries if replaced_name(entry.name) == path.name]
        whole = [place for place in found if place.is_file() or is_shards(place)]
        return max(whole, key=lambda place: (size_and_time(place)[1], place.name), default=path)
    except OSError:
        return path


def is_shards(folder: Path) -> bool:
    """Whether this is a folder of shards that is complete, as far as names tell, and holds nothing else."""
    return holds_shards_alone(folder) and {SHARDS_CONTENT, SHARDS_TABLE} <= {part.name for part in parts(folder)}


def holds_shards_alone(folder: Path) -> bool:
    """Whether this is a folder that holds only parts of a sharded checkpoint, perhaps not all of them."""
    names = (SHARDS_CONTENT, SHARDS_TABLE, RUN_ENTRY)
    try:
        return folder.is_dir() and all(
            part.is_file() and (part.name in names or SHARD.fullmatch(part.name)) for part in folder.iterdir()
        )
    except OSError:
        return False


def run_of_logs(folder: Path) -> str | None:
    """The run whose loggers write in a folder, as the mark in it says; None if there is none: it is the user's."""
    mark = folder / LOGS_MARK
    try:
        if not mark.is_file():  # a pipe would never end
            return None
        with mark.open("rb") as file:
            found = _RUN_ID.fullmatch(file.read(100))
    except OSError:
        return None
    return found[1].decode("ascii") if found else None


def is_logs(folder: Path) -> bool:
    """Whether this is a folder in which the loggers of a run write."""
    return run_of_logs(folder) is not None


def parts(path: Path) -> list[Path]:
    """The file itself, or all files of a folder and of the folders in it. None if they cannot be listed."""
    place = place_of(path)
    if not place.is_dir():
        return [place]
    return sorted(Path(folder, name) for folder, _, names in os.walk(place) for name in names)


def size_on_disk(paths: Iterable[Path]) -> int:
    """Bytes of checkpoints and other files. Names of one linked file, such as latest and best, count once.

    Raises:
        OSError: One of them is gone.
    """
    sizes = {}
    for path in paths:
        for part in parts(path):
            status = part.lstat()
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def content_file(path: Path) -> Path:
    """The file that says what a checkpoint is: the checkpoint itself, or `meta.pt` in a folder of shards."""
    place = place_of(path)
    return place / SHARDS_CONTENT if place.is_dir() else place


def size_and_time(path: Path, *, follow_symlinks: bool = True) -> tuple[int, int]:
    """Size (bytes) and last change (ns) of a checkpoint: a checkpoint with the same two numbers is unchanged.

    Raises:
        OSError: The checkpoint is gone.
    """
    place = place_of(path)
    status = place.stat(follow_symlinks=follow_symlinks)
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size, status.st_mtime_ns
    found = [part.stat(follow_symlinks=follow_symlinks) for part in parts(place)]
    return sum(part.st_size for part in found), max((part.st_mtime_ns for part in found), default=status.st_mtime_ns)
