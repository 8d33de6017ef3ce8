"""Which ground truth files are looked at, and what was found in them, kept for the next start."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datamodules.gt.stats import GtStats
from resume.system.output import text

MOST_FILES = 20_000
MOST_STRUCTURES = 200
_FORMAT = 1  # of the cache; another one is ignored
_LARGEST_CACHE = 2**27  # bytes; 20,000 files with 256 values each take half


class GtFile(NamedTuple):
    """What tells a file from a changed one; of several files that are one ground truth, names and sizes together."""

    name: str
    size: int
    mtime_ns: int


def sampled(names: Iterable[str], count: int, most: int = MOST_FILES) -> list[int]:
    """The indices of all of `count` names, or of `most` that are fixed by their hashes, ascending.

    A smaller sample is a part of a larger one.
    """
    if count <= most:
        return list(range(count))
    hashes = np.fromiter(map(_hash, names), np.uint64, count)
    return sorted(np.argsort(hashes, kind="stable")[:most].tolist())


def _hash(name: str) -> int:
    encoded = name.encode("utf-8", "surrogatepass")  # the same on all systems
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")


def sample_line(count: int) -> str:
    """That not all of `count` files were looked at; empty where all were."""
    if count <= MOST_FILES:
        return ""
    return text(
        "Ground truth: {sample} of {count} files were looked at, chosen by the hash of their names; the values of the "
        "others are checked when they are read"
    ).format(sample=MOST_FILES, count=count)


def read_cache(path: Path) -> dict[GtFile, GtStats]:
    """What an earlier scan has found; empty where there is no cache, or one that is damaged or not of this form."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_CACHE:
            return {}
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            return {}
        return dict(_entry(row) for row in content["files"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _entry(row: Any) -> tuple[GtFile, GtStats]:
    name, size, mtime_ns, plain = row
    if type(name) is not str or type(size) is not int or type(mtime_ns) is not int:
        raise TypeError(f"{row!r}")
    return GtFile(name, size, mtime_ns), GtStats.from_json(plain)


def cache_text(found: Mapping[GtFile, GtStats]) -> str:
    """The content of a cache: what was found in each file."""
    rows = [[*file, stats.to_json()] for file, stats in found.items()]
    return json.dumps({"format": _FORMAT, "files": rows}, separators=(",", ":"))
