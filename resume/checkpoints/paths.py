"""The two forms of a checkpoint: a file, or, where several processes share a model, a folder of shards.

A folder, as Lightning and torch.distributed.checkpoint write it, holds `meta.pt`, all that is no tensor; the shards
`__RANK_N.distcp`; and `.metadata`, a table of where each tensor lies.
"""

import re
import stat
from collections.abc import Iterable
from pathlib import Path

CONTENT = "meta.pt"
TABLE = ".metadata"
RUN_JSON = "run.json"
SHARD = re.compile(r"__[0-9]+_[0-9]+\.distcp")


def is_shards(path: Path) -> bool:
    """Whether this is a folder of shards, whole as far as names tell, with nothing else in it."""
    return {CONTENT, TABLE} <= {part.name for part in parts(path)} and holds_shards_alone(path)


def holds_shards_alone(path: Path) -> bool:
    """Whether this is a folder in which nothing lies but parts of a sharded checkpoint, perhaps not all of them."""
    try:
        return path.is_dir() and all(
            part.is_file() and (part.name in (CONTENT, TABLE, RUN_JSON) or SHARD.fullmatch(part.name))
            for part in path.iterdir()
        )
    except OSError:
        return False


def parts(path: Path) -> list[Path]:
    """The files that a checkpoint consists of: itself, or what lies in the folder."""
    try:
        return sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:
        return []


def size_on_disk(paths: Iterable[Path]) -> int:
    """Bytes of checkpoints and other files; latest, best and an epoch file may be one file with three names.

    Raises:
        OSError: One is gone.
    """
    sizes = {}
    for path in paths:
        for part in parts(path):
            status = part.lstat()
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def content_file(path: Path) -> Path:
    """The file that tells what a checkpoint is."""
    return path / CONTENT if path.is_dir() else path


def size_and_time(path: Path, *, follow_symlinks: bool = True) -> tuple[int, int]:
    """Bytes of a checkpoint, and when it was changed last (ns): by these it is known again.

    Raises:
        OSError: It is gone.
    """
    status = path.stat(follow_symlinks=follow_symlinks)
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size, status.st_mtime_ns
    found = [part.stat() for part in parts(path)]
    return sum(part.st_size for part in found), max((part.st_mtime_ns for part in found), default=status.st_mtime_ns)
