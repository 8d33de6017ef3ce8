"""Files that cannot be read in the middle of a training, and that it may do without."""

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from datamodules.data_errors import DataError, FileError, unusable_files
from datamodules.loading.dataset import PairDataset, collate
from datamodules.loading.sampler import in_place_of, order_of
from resume.system.output import say, text

Samples = list[tuple[Tensor, Tensor]]


class Failure(NamedTuple):
    """A pair that could not be read.

    Attributes:
        pair: Its index in the dataset.
        message: Which file, and why.
    """

    pair: int
    message: str


class Loaded(NamedTuple):
    """Some samples, and the pairs for which others stand in."""

    samples: Samples
    failures: list[Failure]


class ForgivingDataset(Dataset[tuple[Tensor, Tensor]]):
    """A dataset in which the next pair of the order takes the place of one that cannot be read.

    The order is that of the epoch in training, and that of the names in validation, so that what is loaded depends on
    the files alone, and not on the process that loads them.

    Args:
        dataset: The pairs.
        seed: The seed of the order of the training; None: this is the validation.
        skipped: The pairs that have failed before; they are not read again.
        most: How many pairs may fail.
    """

    def __init__(self, dataset: PairDataset, seed: int | None, skipped: Collection[int], most: int) -> None:
        self._dataset = dataset
        self._seed = seed
        self._skipped = set(skipped)
        self._messages: list[str] = []
        self._most = most

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor]:
        """Load one pair, or that in its place.

        Raises:
            DataError: More pairs have failed than may, or there is another problem than a file that cannot be read.
        """
        return self.__getitems__([key]).samples[0]

    def __getitems__(self, keys: Sequence[tuple[int, int] | int]) -> Loaded:
        """Load a batch, as a DataLoader asks for it."""
        failures: list[Failure] = []
        return Loaded([self._load(key, failures) for key in keys], failures)

    def _load(self, key: tuple[int, int] | int, failures: list[Failure]) -> tuple[Tensor, Tensor]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        while True:
            if index in self._skipped:
                index = in_place_of(index, self._order(epoch), self._skipped)
            try:
                return self._dataset[(epoch, index) if isinstance(key, tuple) else index]
            except FileError as error:
                self._skipped.add(index)
                failures.append(Failure(index, str(error)))
                self._messages.append(str(error))
                if len(self._skipped) > min(self._most, len(self) - 1):
                    raise too_many(self._messages, self._most) from error

    def _order(self, epoch: int) -> Sequence[int]:
        return range(len(self)) if self._seed is None else order_of(self._seed, epoch, len(self)).tolist()


class InOrder(Sampler[int]):
    """The order of the names, without the pairs that have failed.

    Args:
        size: The number of pairs.
        skipped: Those that have failed so far; it grows.
    """

    def __init__(self, size: int, skipped: AbstractSet[int]) -> None:
        self._size = size
        self._skipped = skipped

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        order = range(self._size)
        return (in_place_of(index, order, self._skipped) for index in order)


def collate_loaded(loaded: Loaded) -> tuple[Tensor, Tensor, list[Failure]]:
    """Stack the samples, and pass the failures on to the training process."""
    return *collate(loaded.samples), loaded.failures


class Skipped:
    """The pairs of one side that the run does without.

    Args:
        pairs: int64 (n,), the hash of each pair, by its index.
        hashes: Those of all pairs of the run that have failed, of both sides; it grows.
        most: How many pairs of the run may fail.

    Attributes:
        indices: Those of the pairs of this side.
    """

    def __init__(self, pairs: npt.NDArray[np.int64], hashes: set[int], most: int) -> None:
        self._pairs = pairs
        self._hashes = hashes
        self._most = most
        self._messages: list[str] = []
        self.indices: set[int] = set(np.flatnonzero(np.isin(pairs, list(hashes))).tolist()) if hashes else set()

    def add(self, failures: Sequence[Failure]) -> None:
        """Name the pairs that are new among these, and do without them from now on.

        Raises:
            DataError: More pairs of the run have failed than may; the message names those of this start and side.
        """
        new = {failure.pair: failure.message for failure in failures if failure.pair not in self.indices}
        self.indices.update(new)
        self._hashes.update(self._pairs[list(new)].tolist())
        self._messages += new.values()
        if len(self._hashes) > self._most:
            raise too_many(self._messages, self._most)
        for message in new.values():
            say(text("Skipped for this run (--data.skip_unreadable): {problem}").format(problem=message))


def too_many(messages: Sequence[str], most: int) -> DataError:
    """The error that names the files, once more of them cannot be read than may."""
    advice = text("--data.skip_unreadable is {most}.").format(most=most)
    return DataError(f"{unusable_files(messages)}\n{advice}")
