"""Images for validation that are trained on too: as a copy, or in another format, size or brightness."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.reading.image_stats import SMALL, ImageStats

MOST_BITS = 8  # of the 64 comparisons of neighbours may differ
LIKENESS = 0.985  # correlation of the small pictures, at least
FLATTEST = 0.01  # of the range of an image: a small picture with less contrast shows noise
_STEP = 0.5  # of 8 bits: the same, since the levels are rounded
_AT_ONCE = 2**24  # comparisons


class Twin(NamedTuple):
    """An image for validation that is nearly the same as some for training.

    Attributes:
        validation: Its index.
        training: The index of the one that is most like it.
        others: How many more there are for training.
    """

    validation: int
    training: int
    others: int


class _Marks(NamedTuple):
    """What images are recognised by: their indices, 64 bits each, and the small pictures as unit vectors."""

    indices: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint64]
    vectors: npt.NDArray[np.float32]


def near_duplicates(training: Sequence[ImageStats | None], validation: Sequence[ImageStats | None]) -> list[Twin]:
    """Find the images for validation that look like one for training.

    Two measures must agree: 64 comparisons of neighbours in a picture of 9 × 8 pixels, which hold for brighter copies
    too, and the correlation of pictures of 18 × 16 pixels. Images without contrast look like nothing.

    Args:
        training: What was seen of the images for training; None where nothing was.
        validation: The same of those for validation.
    """
    trained, validated = _marks(training), _marks(validation)
    at_once = max(1, _AT_ONCE // max(1, len(trained.bits)))
    twins: list[Twin] = []
    for first in range(0, len(validated.bits), at_once):
        some = validated.bits[first : first + at_once]
        near = np.bitwise_count(some[:, None] ^ trained.bits[None, :]) <= MOST_BITS
        for row in np.flatnonzero(near.any(axis=1)).tolist():
            candidates = np.flatnonzero(near[row])
            likeness = trained.vectors[candidates] @ validated.vectors[first + row]
            count = int(np.count_nonzero(likeness >= LIKENESS))
            if count:
                best = candidates[int(np.argmax(likeness))]
                twins.append(Twin(int(validated.indices[first + row]), int(trained.indices[best]), count - 1))
    return twins


def _marks(images: Sequence[ImageStats | None]) -> _Marks:
    known = [(index, one) for index, one in enumerate(images) if one is not None and one.small]
    width, height = SMALL
    small = np.frombuffer(b"".join(one.small for _, one in known), np.uint8).reshape(-1, height, width)
    contrast = small.reshape(len(small), -1).std(axis=1) * [one.step for _, one in known]
    flattest = [max(FLATTEST * (one.highest - one.lowest), 0 if one.is_deep else _STEP) for _, one in known]
    is_seen = contrast > flattest
    small = small[is_seen].astype(np.float32)
    coarse = small.reshape(-1, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    rises = (coarse[:, :, 1:] > coarse[:, :, :-1]).reshape(-1, 64)
    vectors = small.reshape(-1, height * width)
    vectors = vectors - vectors.mean(axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    indices = np.array([index for index, _ in known], dtype=np.int64)[is_seen]
    return _Marks(indices, np.packbits(rises, axis=1).view(np.uint64).ravel(), vectors)
