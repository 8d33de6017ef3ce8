"""The connected pieces of each value in one ground truth file: what tells objects from classes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_EIGHT = np.ones((3, 3), dtype=bool)
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to the neighbours; the other four are these, seen from there


class GtStructure(NamedTuple):
    """The values of a file other than 0, ascending, and facts about each of them.

    Attributes:
        values: The value.
        pieces: The number of its 8-connected pieces.
        areas: Its pixels.
        largest: The pixels of its largest piece.
        open: The number of its pieces that touch a 0.
        above: The number of its pieces that touch a lower value other than 0.
    """

    values: tuple[int, ...]
    pieces: tuple[int, ...]
    areas: tuple[int, ...]
    largest: tuple[int, ...]
    open: tuple[int, ...]
    above: tuple[int, ...]


def structure(codes: npt.NDArray[np.integer], ignored: frozenset[int] = frozenset()) -> GtStructure:
    """Find the pieces of the values of a file.

    Args:
        codes: Integers (H, W); 0 is the background.
        ignored: Values that are neither background nor an object.
    """
    values, ranks = np.unique(codes, return_inverse=True)
    ranks = ranks.reshape(codes.shape).astype(np.int32)
    keep = np.array([value != 0 and int(value) not in ignored for value in values.tolist()], dtype=bool)
    pieces, owners = _pieces(ranks, keep)
    count, zero = len(owners), int(np.searchsorted(values, 0)) if (values == 0).any() else -1
    open_, above = np.zeros((2, count), dtype=bool)
    for step in _STEPS:
        for piece, other in _neighbours(pieces, ranks, *step):
            open_[piece[other == zero]] = True
            above[piece[keep[other] & (other < owners[piece])]] = True

    def per_value(weights: npt.NDArray[np.bool_] | None = None) -> tuple[int, ...]:
        counted = np.bincount(owners[1:], None if weights is None else weights[1:], minlength=len(values))
        return tuple(counted[keep].astype(int).tolist())

    areas = np.bincount(ranks.ravel(), minlength=len(values))[keep]
    largest = np.zeros(len(values), dtype=np.int64)
    np.maximum.at(largest, owners[1:], np.bincount(pieces.ravel(), minlength=count)[1:])
    return GtStructure(
        tuple(values[keep].tolist()),
        per_value(),
        tuple(areas.tolist()),
        tuple(largest[keep].tolist()),
        per_value(open_),
        per_value(above),
    )


def _pieces(
    ranks: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The number of the piece of each pixel (0: none), and the rank of the value of each piece."""
    pieces, owners = np.zeros(ranks.shape, dtype=np.int32), [np.zeros(1, dtype=np.int64)]
    count = 0
    for rank, box in enumerate(ndimage.find_objects(ranks + 1)):
        if not keep[rank]:
            continue
        labelled, found = ndimage.label(ranks[box] == rank, _EIGHT)
        part = pieces[box]
        part[labelled > 0] = labelled[labelled > 0] + count
        owners.append(np.full(found, rank, dtype=np.int64))
        count += found
    return pieces, np.concatenate(owners)


def _neighbours(
    pieces: npt.NDArray[np.int32], ranks: npt.NDArray[np.int32], down: int, right: int
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]:
    """Piece of a pixel and rank of the pixel a step away, there and back, wherever their values differ."""
    height, width = ranks.shape
    here = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
    there = (slice(down, height), slice(max(0, right), width - max(0, -right)))
    differ = ranks[here] != ranks[there]
    for one, other in ((here, there), (there, here)):
        piece, rank = pieces[one][differ], ranks[other][differ]
        yield piece[piece > 0], rank[piece > 0]
