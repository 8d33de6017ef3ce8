"""Whether torch has loaded the bytes that were saved."""

import zlib
from collections.abc import Callable, Sequence

import torch
from torch.types import Storage

from resume.checkpoints.run_json import Part
from resume.checkpoints.verification import damaged

MapLocation = Callable[[Storage, str], Storage]


class LoadedStorages:
    """Compares each storage, as it is in memory, with what its save noted; given to torch.load as `map_location`.

    A file is checked before torch reads it, by another reader, and could be read as something else by torch, or have
    changed in between. torch hands over the storages in the order of their names, which are numbers.
    """

    def __init__(self, saved: Sequence[Part], map_location: MapLocation) -> None:
        """Prepare the comparison.

        Args:
            saved: Size (bytes) and CRC-32 of each storage.
            map_location: What puts a storage in its place.
        """
        self._saved = saved
        self._map_location = map_location
        self._count = 0

    def __call__(self, storage: Storage, location: str) -> Storage:
        """Compare a storage that has just been read, still in the memory of the CPU.

        Raises:
            UnreadableError: It has other bytes.
        """
        if self._saved[self._count : self._count + 1] != [_part_of(storage)]:
            raise damaged(f"data/{self._count}")
        self._count += 1
        return self._map_location(storage, location)

    def require_all(self) -> None:
        """See that all storages have come.

        Raises:
            UnreadableError: One has not.
        """
        if self._count != len(self._saved):
            raise damaged(f"data/{self._count}")


def _part_of(storage: Storage) -> Part:
    content = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
    return content.nbytes, zlib.crc32(content.data)
