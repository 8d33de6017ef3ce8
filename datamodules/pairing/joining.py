"""The pairs that a rule gives: files with the same key on both sides."""

from collections.abc import Sequence
from itertools import chain, pairwise, repeat
from operator import eq
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.pairing.name_patterns import SAME_STEM, NamePattern
from datamodules.pairing.packed_names import Indices, PackedGroups, PackedNames, Pairs, Places, flat, hashes_of

Flags = npt.NDArray[np.bool_]
_NO_KEY = hash(None)


class Joined(NamedTuple):
    """Pairs, and the files that are in none.

    Attributes:
        pairs: Sorted by stem.
        single_images: Places of the images that fit their pattern and have no partner.
        single_gts: The same for the ground truth.
        unfit_images: Places of the images that do not fit their pattern.
        unfit_gts: The same for the ground truth.
        double_images: The images whose key another image has, by their places.
        double_gts: The same for ground truth of which one file is expected.
    """

    pairs: Pairs
    single_images: Indices
    single_gts: Indices
    unfit_images: Indices
    unfit_gts: Indices
    double_images: Sequence[Indices] = ()
    double_gts: Sequence[Indices] = ()


def keys_of(names: PackedNames, pattern: NamePattern) -> Indices:
    """The hash of the key of each file."""
    if pattern.written != SAME_STEM.gt_pattern:
        return hashes_of(pattern.keys(names), len(names))
    if names.stems is None:  # which both the search of the rule and the rule itself may need
        names.stems = hashes_of(pattern.keys(names), len(names))
    return names.stems


class Side:
    """The files of one side and the hashes of their keys.

    Args:
        names: The files.
        pattern: What gives their keys.
        used: Which files are used; None: all.
        hashes: Those of the keys, if they are known.
    """

    def __init__(
        self, names: PackedNames, pattern: NamePattern, used: Flags | None = None, hashes: Indices | None = None
    ) -> None:
        self.names = names
        self.pattern = pattern
        self.used = np.ones(len(names), bool) if used is None else used
        self.hashes = keys_of(names, pattern) if hashes is None else hashes
        self.fits = (self.hashes != _NO_KEY) & self.used
        self.indices = np.flatnonzero(self.fits)
        self.places = Places(self.hashes[self.indices])

    def only(self, used: Flags) -> "Side":
        """The side with some of its files."""
        return self if used.all() else Side(self.names, self.pattern, used, self.hashes)

    def has_keys_of(self, hashes: Indices) -> Flags:
        """For each hash, whether a file has such a key."""
        start, end = self.places.ranges(hashes)
        there: Flags = (end > start) & (hashes != _NO_KEY)
        return there

    def doubles(self, other: "Side") -> list[Indices]:
        """The files of each key that several files have, and a file of the other side."""
        ranges = zip(*self.places.several(), strict=True)
        found = [self.indices[self.places.order[start:end]] for start, end in ranges]
        return [files for files in found if other.has_keys_of(self.hashes[files[:1]])[0]]


def join(images: Side, gts: Side) -> Joined:
    """Pair the files of both sides."""
    start, end = gts.places.ranges(images.hashes[images.indices])
    has_gt = end > start
    paired = images.indices[has_gt]
    start, end = start[has_gt], end[has_gt]
    has_image = images.has_keys_of(gts.hashes) & gts.fits
    double_images, double_gts = images.doubles(gts), [] if gts.pattern.is_of_folders else gts.doubles(images)
    pairs = Pairs.of(()) if double_images or double_gts else _pairs(images, paired, gts, start, end)
    return Joined(
        pairs,
        images.indices[~has_gt],
        np.flatnonzero(gts.fits & ~has_image),
        np.flatnonzero(images.used & ~images.fits),
        np.flatnonzero(gts.used & ~gts.fits),
        double_images,
        double_gts,
    )


def _pairs(images: Side, paired: Indices, gts: Side, start: Indices, end: Indices) -> Pairs:
    names = images.names.take(paired)
    stems = PackedNames(key for key in images.pattern.keys(names) if key is not None)
    if not all(one < other for one, other in pairwise(stems)):
        order = np.argsort(np.array(list(stems), dtype=object), kind="stable")
        stems, names, start, end = stems.take(order), names.take(order), start[order], end[order]
    names_of_gts = gts.names.take(gts.indices[gts.places.order[flat(start, end)]])
    # Different keys have the same hash in one of 30 million starts with a million files; the next start has others.
    several = (repeat(stem, count) for stem, count in zip(stems, (end - start).tolist(), strict=True))
    assert all(map(eq, gts.pattern.keys(names_of_gts), chain.from_iterable(several)))
    groups = PackedGroups(names_of_gts, np.cumsum(end - start) if gts.pattern.is_of_folders else None)
    return Pairs(stems, names, groups)
