"""File names and pairs in a few blocks of memory, and their places by what they are called."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
_CHUNK = 2**16  # names that are unpacked or copied at once
_END = "\0"  # of a name in a block; no file name can contain it


class PackedNames:
    """Many file names in one block of memory.

    A list of a million names would take 90 MB, and seconds to reach each worker process.

    Attributes:
        stems: The hashes of the names without their suffixes, once they are known; they stay in this process.
    """

    stems: Indices | None = None

    def __init__(self, names: Iterable[str]) -> None:
        block, rest = bytearray(), iter(names)
        while some := list(islice(rest, _CHUNK)):
            block += os.fsencode(_END.join([*some, ""]))
        self._set(bytes(block))

    def _set(self, block: bytes) -> None:
        self._block = block
        self._ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord(_END))

    def __getstate__(self) -> bytes:
        return self._block

    def __setstate__(self, state: bytes) -> None:
        self._set(state)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        end = self._ends.item  # plain numbers, with which a slice takes a third of the time
        return os.fsdecode(self._block[end(index - 1) + 1 if index > 0 else 0 : end(index)])

    def __iter__(self) -> Iterator[str]:
        start = 0
        for first in range(0, len(self), _CHUNK):
            end = int(self._ends[min(first + _CHUNK, len(self)) - 1])
            yield from os.fsdecode(self._block[start:end]).split(_END)
            start = end + 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedNames) and self._block == other._block

    __hash__ = None  # type: ignore[assignment]

    def first(self, count: int) -> list[str]:
        """The first names."""
        return [self[index] for index in range(min(count, len(self)))]

    def take(self, indices: Indices) -> "PackedNames":
        """The names at these places, in this order."""
        if np.array_equal(indices, np.arange(len(self))):
            return self  # as in most folders
        starts = np.concatenate([np.zeros(1, np.int64), self._ends[:-1] + 1])[: len(self)]
        source = np.frombuffer(self._block, np.uint8)
        block = bytearray()
        for first in range(0, len(indices), _CHUNK):
            some = indices[first : first + _CHUNK]
            block += source[flat(starts[some], self._ends[some] + 1)].tobytes()
        taken = PackedNames(())
        taken._set(bytes(block))
        return taken


def flat(starts: Indices, ends: Indices) -> Indices:
    """All numbers of many ranges, one range after the other."""
    lengths = ends - starts
    shifts = starts - np.cumsum(lengths) + lengths
    numbers: Indices = np.repeat(shifts, lengths) + np.arange(lengths.sum())
    return numbers


class PackedGroups:
    """For each of many pairs, the files of its ground truth.

    Args:
        names: All files.
        ends: Where the files of each pair end in `names`; None: each pair has one file, as a rule.
    """

    def __init__(self, names: PackedNames, ends: Indices | None = None) -> None:
        self._names = names
        self._ends = ends

    def __len__(self) -> int:
        return len(self._names if self._ends is None else self._ends)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        if self._ends is None:
            return (self._names[index],)
        start = self._ends[index - 1] if index > 0 else 0
        return tuple(self._names[place] for place in range(start, self._ends[index]))

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        if self._ends is None:
            return zip(self._names)
        names = iter(self._names)
        return (tuple(islice(names, count)) for count in np.diff(self._ends, prepend=0).tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedGroups) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, indices: Indices) -> "PackedGroups":
        """The groups at these places, in this order."""
        if self._ends is None:
            return PackedGroups(self._names.take(indices))
        starts = np.concatenate([np.zeros(1, np.int64), self._ends[:-1]])[: len(self)]
        names = self._names.take(flat(starts[indices], self._ends[indices]))
        return PackedGroups(names, np.cumsum(self._ends[indices] - starts[indices]))


class Pair(NamedTuple):
    """One image and its ground truth, each relative to its own folder, with `/` between the parts.

    Attributes:
        stem: What the names share.
        image: The file of the image.
        gt: The file of the ground truth, or the first of several.
        more_gts: The other files, whose union with the first one is the ground truth.
    """

    stem: str
    image: str
    gt: str
    more_gts: tuple[str, ...] = ()


class Pairs:
    """Many pairs, 100 bytes each.

    Args:
        stems: What the names of each pair share.
        images: The image of each pair.
        gts: The files of the ground truth of each pair.
        pages: The page of the files, from 0; None: all files have one page.
    """

    def __init__(
        self, stems: PackedNames, images: PackedNames, gts: PackedGroups, pages: npt.NDArray[np.int32] | None = None
    ) -> None:
        self.stems = stems
        self.images = images
        self.gts = gts
        self.pages = pages

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Pairs":
        """Pack single pairs."""
        some = list(pairs)
        return cls(
            PackedNames(pair.stem for pair in some),
            PackedNames(pair.image for pair in some),
            PackedGroups(
                PackedNames(name for pair in some for name in (pair.gt, *pair.more_gts)),
                np.cumsum([1 + len(pair.more_gts) for pair in some], dtype=np.int64),
            ),
        )

    def __len__(self) -> int:
        return len(self.stems)

    def __getitem__(self, index: int) -> Pair:
        first, *more = self.gts[index]
        return Pair(self.stems[index], self.images[index], first, tuple(more))

    def __iter__(self) -> Iterator[Pair]:
        for stem, image, (first, *more) in zip(self.stems, self.images, self.gts, strict=True):
            yield Pair(stem, image, first, tuple(more))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pairs):
            return NotImplemented
        return (self.stems, self.images, self.gts) == (other.stems, other.images, other.gts)

    __hash__ = None  # type: ignore[assignment]

    def take(self, indices: Indices) -> "Pairs":
        """The pairs at these places, in this order."""
        pages = None if self.pages is None else self.pages[indices]
        return Pairs(self.stems.take(indices), self.images.take(indices), self.gts.take(indices), pages)


class Places:
    """Where texts stand in a long list, found by their hashes: 16 bytes a text.

    Different texts may have the same hash (of a million, with a probability of 3 in 10^8).

    Args:
        hashes: int64, that of each text of the list.
    """

    def __init__(self, hashes: Indices) -> None:
        self.order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self.order]

    def ranges(self, hashes: Indices) -> tuple[Indices, Indices]:
        """For each hash, where its texts begin and end in `order`."""
        return np.searchsorted(self._sorted, hashes, "left"), np.searchsorted(self._sorted, hashes, "right")

    def first(self, texts: Sequence[str | None], *, only_single: bool = False) -> list[int]:
        """The first place of each text, or -1; with `only_single`, also of a text that is there twice."""
        start, end = self.ranges(hashes_of(texts, len(texts)))
        fits = end - start == 1 if only_single else end > start
        found = np.full(len(texts), -1)
        found[fits] = self.order[start[fits]]
        return [-1 if text is None else place for text, place in zip(texts, found.tolist(), strict=True)]

    def has_same_texts(self, other: "Places") -> bool:
        """Whether both lists have the same texts, as often as they like."""
        return np.array_equal(self._single(), other._single())

    def several(self) -> tuple[Indices, Indices]:
        """Where the texts begin and end in `order` that are there more than once."""
        same = self._sorted[1:] == self._sorted[:-1]
        return self.ranges(np.unique(self._sorted[1:][same]))

    def _single(self) -> Indices:
        """Each hash once."""
        is_first = np.ones(len(self._sorted), bool)
        is_first[1:] = self._sorted[1:] != self._sorted[:-1]
        return self._sorted[is_first]


def hashes_of(texts: Iterable[object], count: int) -> Indices:
    """A number for each text, int64 (count,); it holds within this process alone."""
    return np.fromiter(map(hash, texts), np.int64, count)
