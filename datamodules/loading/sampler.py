"""The order of the training samples, and the position in it."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch.utils.data.distributed import DistributedSampler

from datamodules.seeding import mix


def order_of(seed: int, epoch: int, size: int) -> Tensor:
    """Return the order of the samples of an epoch, before the ranks share them: int64 (size,)."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(mix(seed, "order", epoch)))


def in_place_of(index: int, order: Sequence[int], skipped: Collection[int]) -> int:
    """Return the next sample of an order that is not skipped: the sample itself, if it is not.

    Args:
        index: The sample.
        order: All samples; behind the last one comes the first one again.
        skipped: Samples that no other place gets either; not all of them.
    """
    if index not in skipped:
        return index
    place = order.index(index)
    return next(one for one in chain(order[place + 1 :], order[:place]) if one not in skipped)


class Position(NamedTuple):
    """The progress of training.

    Attributes:
        epoch: The epoch, counted from 0.
        samples_done: Samples of this epoch that are done, over all ranks.
        samples: Samples in the dataset.
    """

    epoch: int = 0
    samples_done: int = 0
    samples: int = 0


class EpochSampler(DistributedSampler[tuple[int, int]]):
    """Yields (epoch, index) for this rank; the order is a function of (seed, epoch) only.

    The epoch of `start` begins after the samples that are done. Every rank gets the same number of samples: up to
    `world_size - 1` samples are left out of an epoch, different ones in each epoch. One more sample per rank is left
    out if the last batch would otherwise hold a single sample: its batch norm statistics are noise, and after a global
    pooling they are an error.

    The base class is DistributedSampler so that Lightning does not replace this sampler by one of its own.

    Args:
        dataset: The training samples.
        seed: The seed of the order.
        batch_size: Samples in a batch of one rank.
        rank: The rank of this process.
        world_size: The number of processes.
        start: The position at which training begins.
        skipped: Samples in whose places others come; it may grow.
    """

    def __init__(
        self,
        dataset: Dataset[object],
        seed: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        start: Position = Position(),  # noqa: B008 (a tuple cannot change)
        skipped: Collection[int] = (),
    ) -> None:
        super().__init__(dataset, num_replicas=world_size, rank=rank, seed=seed)
        self._size = len(dataset)  # type: ignore[arg-type]
        self._batch_size = batch_size
        self._skipped = skipped
        # A dataset of another size has another order, so the epoch starts again from its beginning.
        self._start = start if start.samples == self._size else Position(start.epoch)
        self.epoch = start.epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        done = self._samples_done(self.epoch)
        order: list[int] = order_of(self.seed, self.epoch, self._size).tolist()
        for index in order[done + self.rank :: self.num_replicas][: self._share(self._size - done)]:
            yield self.epoch, in_place_of(index, order, self._skipped)

    def __len__(self) -> int:
        """Return this rank's samples in a whole epoch, also in the first one: Lightning counts the done batches."""
        return self._share(self._size)

    def first_batch(self, epoch: int) -> int:
        """Return the number, counted from 0, of the batch with which this process begins the epoch."""
        return self._batches(self._size) - self._batches(self._size - self._samples_done(epoch))

    def position(self, epoch: int, batches: int) -> Position:
        """Return the position after `batches` batches of the epoch."""
        new = (batches - self.first_batch(epoch)) * self._batch_size * self.num_replicas
        return Position(epoch, min(self._samples_done(epoch) + new, self._size), self._size)

    def _samples_done(self, epoch: int) -> int:
        return self._start.samples_done if epoch == self._start.epoch else 0

    def _share(self, remaining: int) -> int:
        """Return the number of samples of this rank out of the remaining samples of all ranks."""
        share = remaining // self.num_replicas
        single = share > 1 and self._batch_size > 1 and share % self._batch_size == 1
        return share - single

    def _batches(self, remaining: int) -> int:
        return -(-self._share(remaining) // self._batch_size)
