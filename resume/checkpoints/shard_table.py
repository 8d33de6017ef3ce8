"""The table of a folder of shards: which tensors it holds and where, read without torch.

torch reads the table with Python's own unpickler, so a forged table could run code. Here it is first looked through
(`pickle_check`) and then read with empty records in place of its classes.
"""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resume.checkpoints.pickle_check import MAX_TABLE_BYTES, require_harmless_table
from resume.checkpoints.zip_archive import CHUNK, archive_errors, open_regular_file
from resume.run_files import SHARD, SHARDS_TABLE
from resume.system.errors import UnreadableError
from resume.system.output import text


class _Record:
    """Stands for every object of the table: keeps its arguments and attributes, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


class _TableUnpickler(pickle.Unpickler):
    def find_class(self, _module_name: str, _global_name: str) -> Any:
        return _Record


@dataclass(frozen=True)
class Table:
    """What a folder of shards holds.

    Attributes:
        shapes: Of all tensors, by their names in the folder, such as `state_dict.network.0.weight`.
        places: File, offset and length (bytes) of everything that is stored.
    """

    shapes: dict[str, tuple[int, ...]]
    places: tuple[tuple[str, int, int], ...]


def read_table(folder: Path) -> Table:
    """Read the table of a folder of shards.

    Raises:
        UnreadableError: The table is damaged, or names something that no table needs.
    """
    with archive_errors(folder / SHARDS_TABLE):
        content = _read(folder / SHARDS_TABLE)
        require_harmless_table(content)
        found = _TableUnpickler(io.BytesIO(content)).load()
        shapes = {
            name: tuple(map(int, entry.size.args[0]))
            for name, entry in found.state_dict_metadata.items()
            if hasattr(entry, "size")
        }
        places = tuple(
            (str(place.relative_path), int(place.offset), int(place.length)) for place in found.storage_data.values()
        )
    if any(not SHARD.fullmatch(name) or offset < 0 or length < 0 for name, offset, length in places):
        raise UnreadableError(text("unreadable content ({reason})").format(reason=SHARDS_TABLE))
    return Table(shapes, places)


def _read(path: Path) -> bytes:
    blocks: list[bytes] = []
    with open_regular_file(path) as file:
        while sum(map(len, blocks)) <= MAX_TABLE_BYTES and (block := file.read(CHUNK)):
            blocks.append(block)
    return b"".join(blocks)
