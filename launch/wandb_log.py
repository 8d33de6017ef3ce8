"""What the files of a W&B run hold: its own process writes them every 15 s, and loses the rest if it is killed."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEADER = 7  # bytes, of a file and of each chunk: CRC (4), size (2) and kind (1)
_BLOCK = 32768
_ENDS_RECORD = (1, 4)  # a whole record, or the last chunk of one


def points_on_disk(folder: Path, run_id: str) -> int:
    """How many points of a run its files hold, those of all starts together.

    Args:
        folder: The logger's folder.
        run_id: W&B's id of the run.
    """
    files = folder.glob(f"wandb/*-{run_id}/run-{run_id}.wandb")
    counts = [record.history.step.num for file in files for record in _records(file.read_bytes())]
    return max(counts, default=-1) + 1


def _records(content: bytes) -> Iterator[Any]:
    """The points in a file, whose records are divided into chunks in blocks as in LevelDB's logs."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, whole = _HEADER, b""
    while place + _HEADER <= len(content):
        left = _BLOCK - place % _BLOCK
        _, size, kind = struct.unpack("<IHB", content[place : place + _HEADER])
        if left < _HEADER or (size, kind) == (0, 0):
            place += left
            continue
        place += _HEADER
        whole += content[place : place + size]
        place += size
        if kind in _ENDS_RECORD:
            if place <= len(content):  # else a kill cut it short
                record = Record.FromString(whole)
                if record.WhichOneof("record_type") == "history":
                    yield record
            whole = b""
