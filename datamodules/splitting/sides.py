"""Which pairs of a run were for training and which for validation: a part of each checkpoint."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from datamodules.data_errors import DataError
from datamodules.seeding import mix
from resume.system.output import text

TRAINING, VALIDATION, LEFT_OUT = 0, 1, -1
SidesArray = npt.NDArray[np.int8]


class Named(NamedTuple):
    """Pairs in the form in which sides are kept: 12 bytes a pair.

    Attributes:
        stems: int64, a hash of each stem.
        sizes: int32, a hash of the sizes of its two files in bytes; it finds a pair again under another name.
    """

    stems: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int32]

    @property
    def contents(self) -> npt.NDArray[np.int64]:
        """Numbers that also differ, as a rule, where the content of a file does."""
        return self.stems ^ (self.sizes.astype(np.int64) << 20)


def name_pairs(stems: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Named:
    """Hash the stem of each pair, and the sizes of its image and its ground truth in bytes."""
    return Named(
        np.fromiter((mix("pair", stem) for stem in stems), np.int64, len(stems)),
        np.fromiter((mix("sizes", *size) >> 32 for size in sizes), np.int32, len(sizes)),
    )


def split_of(state: Mapping[str, Any]) -> tuple["Sides", str]:
    """Read the sides of a run, and the hash of the pairs that it has validated, from the state of its data.

    Raises:
        DataError: Something else has written the state.
    """
    sides, validated = Sides.from_state(state["sides"]), state.get("validated")
    if not isinstance(validated, str):
        raise _unknown_split()
    return sides, validated


def _unknown_split() -> DataError:
    return DataError(text("The checkpoint does not say which pairs its run has used. Use another checkpoint."))


class Sides:
    """The side of each pair that a run has used.

    Args:
        pairs: The pairs, sorted by `stems`.
        validated: bool, whether a pair is for validation; all others have been trained on.
    """

    def __init__(self, pairs: Named, validated: npt.NDArray[np.bool_]) -> None:
        self.pairs = pairs
        self.validated = validated

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> "Sides":
        """Make the sides that `state` has described.

        Raises:
            DataError: Something else has written the state.
        """
        try:
            stems, sizes, validated = (state[name].numpy() for name in ("stems", "sizes", "validated"))
            kinds = [array.dtype for array in (stems, sizes, validated)]
            is_right = kinds == [np.int64, np.int32, np.bool_] and stems.ndim == 1 and bool((np.diff(stems) > 0).all())
            is_right = is_right and stems.shape == sizes.shape == validated.shape
        except (KeyError, TypeError, AttributeError):
            is_right = False
        if not is_right:
            raise _unknown_split()
        return cls(Named(stems, sizes), validated)

    def state(self) -> dict[str, torch.Tensor]:
        """Return plain tensors, which a checkpoint can hold."""
        return {
            "stems": torch.from_numpy(self.pairs.stems),
            "sizes": torch.from_numpy(self.pairs.sizes),
            "validated": torch.from_numpy(self.validated),
        }

    def equals(self, other: "Sides | None") -> bool:
        return (
            other is not None
            and np.array_equal(self.pairs.stems, other.pairs.stems)
            and np.array_equal(self.pairs.sizes, other.pairs.sizes)
            and np.array_equal(self.validated, other.validated)
        )

    def has(self, pairs: Named) -> npt.NDArray[np.bool_]:
        """Return whether the run has used each pair, under this name."""
        return np.isin(pairs.stems, self.pairs.stems)

    def has_unchanged(self, pairs: Named) -> npt.NDArray[np.bool_]:
        """Return whether the run has used each pair, under this name and with files of these sizes."""
        same = self.has(pairs)
        places = np.searchsorted(self.pairs.stems, pairs.stems[same])
        same[same] = self.pairs.sizes[places] == pairs.sizes[same]
        return same

    def kept(self, pairs: Named, ruled: SidesArray) -> SidesArray:
        """Return the sides of pairs in a resumed run: those of the run, and those of the rule for new pairs.

        A pair that was trained on must not validate, and the scores of a run need the same validation. A pair that has
        the size of one that is missing, but another name, was probably renamed; so it stays on its side, and in
        training if pairs of both sides had that size.

        Args:
            pairs: The present pairs.
            ruled: Their sides by the rule of the split. What is left out stays out.
        """
        is_known = self.has(pairs)
        sides = ruled.copy()
        sides[is_known] = self.validated[np.searchsorted(self.pairs.stems, pairs.stems[is_known])]
        is_missing = ~np.isin(self.pairs.stems, pairs.stems)
        for validated in (True, False):
            missing = self.pairs.sizes[is_missing & (self.validated == validated)]
            sides[~is_known & np.isin(pairs.sizes, missing)] = VALIDATION if validated else TRAINING
        return np.where(ruled == LEFT_OUT, ruled, sides).astype(np.int8)

    def continued(self, pairs: Named, sides: SidesArray) -> "Sides":
        """Return the sides after `pairs` were used too; what was trained on once can never validate again."""
        used = sides != LEFT_OUT
        gone = ~np.isin(self.pairs.stems, pairs.stems[used])
        stems = np.concatenate([pairs.stems[used], self.pairs.stems[gone]])
        sizes = np.concatenate([pairs.sizes[used], self.pairs.sizes[gone]])
        validated = np.concatenate([sides[used] == VALIDATION, self.validated[gone]])
        order = np.argsort(stems, kind="stable")
        return Sides(Named(stems[order], sizes[order]), validated[order])


def no_sides() -> Sides:
    """Return the sides of a run that has not begun."""
    return Sides(Named(np.empty(0, np.int64), np.empty(0, np.int32)), np.empty(0, np.bool_))


def fingerprint(numbers: npt.NDArray[np.int64]) -> str:
    """Return a text that is the same for the same numbers in any order."""
    return hashlib.blake2b(np.sort(numbers).astype("<i8").tobytes(), digest_size=16).hexdigest()
