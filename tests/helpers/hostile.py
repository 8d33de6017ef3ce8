"""Checkpoint files that no program writes, for the tests of what reads them."""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resume.checkpoints import pickle_check
from tests.helpers import checkpoint_folders
from tests.helpers.zip_files import archive_of

PROTOCOL = b"\x80\2"


def string(content: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(content)) + content


def memo(index: int) -> bytes:
    return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)


def doubled(levels: int, first: int = 0) -> bytes:
    """Operations that make a tuple of one tuple twice, and so on: hashing it takes 2^levels steps.

    Args:
        levels: How often it is doubled.
        first: How many values the pickle has put into its memo before.
    """
    memos = [memo(first + level) for level in range(levels + 1)]
    gets = [mark.replace(b"q", b"h", 1) if mark[:1] == b"q" else b"j" + mark[1:] for mark in memos]
    return b")" + memos[0] + b"".join(gets[level] + b"\x86" + memos[level + 1] for level in range(levels))


def checkpoint_with(value: bytes) -> bytes:
    """The pickle of a usable checkpoint with one more entry: what these operations make."""
    content: dict[str, Any] = {"state_dict": {}, "loops": {}}
    return pickle.dumps(content, protocol=2)[:-1] + string(b"more") + value + b"s."


def filled(unit: bytes, start: bytes = b"") -> bytes:
    """The longest pickle that repeats one piece."""
    count = (pickle_check.MAX_PICKLE_BYTES - len(PROTOCOL + start) - 1) // len(unit)
    return PROTOCOL + start + unit * count + b"."


# Each takes as much as it can of something: memory, time, or both.
GREEDY: dict[str, Callable[[], bytes]] = {
    "dicts": lambda: filled(b"}"),
    "lists": lambda: filled(b"]Na"),
    "tuples": lambda: filled(b"\x85", b")"),
    "dicts of one": lambda: filled(b"}K\1Ns"),
    "marks": lambda: filled(b"("),
    "numbers": lambda: filled(b"M\xff\xff"),
    "long numbers": lambda: filled(b"\x8a\x08" + b"\x7f" * 8),
    "texts": lambda: filled(string(b"ab")),
    "wide texts": lambda: filled(string("😀".encode() + b"a" * 60)),
    "one wide text": lambda: PROTOCOL + string("😀".encode() + b"a" * (pickle_check.MAX_PICKLE_BYTES - 20)) + b".",
    "one dict": lambda: PROTOCOL + b"}" + b"".join(map(_numbered_items, range(0, 400_000, 5000))) + b".",
    "one list": lambda: filled(b"(" + b"N" * 9999 + b"e", b"]"),
    "memo": lambda: PROTOCOL + b"N" + b"".join(map(memo, range(3_000_000))) + b".",
    "nothing": lambda: filled(b"(u", b"}"),
    "calls": lambda: filled(b"ctorch\nSize\n)R"),
}


def _numbered_items(start: int) -> bytes:
    return (
        b"(" + b"".join(b"J" + struct.pack("<i", 1000 + number) + b"N" for number in range(start, start + 5000)) + b"u"
    )


def zip_with(description: bytes, run: Any = None) -> bytes:
    """A well-formed archive with this pickle, and with a run.json that fits it; `run` is its run entry."""
    return archive_of(checkpoint_folders.zip_parts(description, run or checkpoint_folders.facts(1)))


def zip_with_run_json(content: bytes) -> bytes:
    """A well-formed archive whose run.json has this content."""
    return archive_of({**checkpoint_folders.zip_parts(PROTOCOL + b"}."), "run.json": content})


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
