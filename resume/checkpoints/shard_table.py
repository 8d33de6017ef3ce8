"""The table of a folder of shards: what lies where, read without torch and without running anything in it.

torch itself reads it by plain pickle, so that a forged one could run what it likes.
"""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS
from resume.run_files import SHARD, SHARDS_TABLE
from resume.system.errors import UnreadableError
from resume.system.output import text

MAX_TABLE_BYTES = 32 * 2**20


class _Record:
    """Stands for every object of the table: keeps what it is given, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update(state)


class _Size(_Record):
    """torch.Size, whose one argument is a tuple of numbers."""


_RECORDS = {
    ("torch.distributed.checkpoint.metadata", name)
    for name in (
        "BytesStorageMetadata",
        "ChunkStorageMetadata",
        "Metadata",
        "MetadataIndex",
        "StorageMeta",
        "TensorProperties",
        "TensorStorageMetadata",
        "_MEM_FORMAT_ENCODING",
    )
}
_RECORDS |= {("torch.distributed.checkpoint.filesystem", "_StorageInfo"), ("torch.serialization", "_get_layout")}
_RECORDS |= {("pathlib", name) for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")}


class _TableUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        full_name = f"{module_name}.{global_name}"
        if full_name == "torch.Size":
            return _Size
        if (module_name, global_name) in _RECORDS or full_name in ALLOWED_GLOBALS:
            return _Record
        raise UnreadableError(text("would run code: {name}").format(name=full_name))


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
        UnreadableError: It is damaged, or names something that no table needs.
    """
    try:
        found = _TableUnpickler(io.BytesIO(_read(folder / SHARDS_TABLE))).load()
        shapes = {
            name: tuple(map(int, entry.size.args[0]))
            for name, entry in found.state_dict_metadata.items()
            if hasattr(entry, "size")
        }
        places = tuple(
            (str(place.relative_path), int(place.offset), int(place.length)) for place in found.storage_data.values()
        )
    except UnreadableError:
        raise
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from error
    except Exception as error:  # a pickle of arbitrary bytes can fail in any way
        raise UnreadableError(text("unreadable content ({reason})").format(reason=type(error).__name__)) from error
    if any(not SHARD.fullmatch(name) or offset < 0 or length < 0 for name, offset, length in places):
        raise UnreadableError(text("unreadable content ({reason})").format(reason=SHARDS_TABLE))
    return Table(shapes, places)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_TABLE_BYTES + 1)
    if len(content) > MAX_TABLE_BYTES:
        raise UnreadableError(text("description too large"))
    return content
