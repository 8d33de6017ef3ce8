from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.utils.data import Dataset
from torch.utils.data.distributed import DistributedSampler

from datamodules.seeding import mix


class Position(NamedTuple):
    """How far training is: the 0-based epoch, its samples that are done over all ranks, and of how many."""

    epoch: int = 0
    samples_done: int = 0
    samples: int = 0


class EpochSampler(DistributedSampler[tuple[int, int]]):
    """Yields (epoch, index) for this rank; the order is a function of (seed, epoch) alone.

    The epoch of `start` begins behind the samples that are done. Every rank gets the same number of samples:
    up to `world_size - 1` stay out of an epoch, others each time. So does one more on each rank where the
    last batch would otherwise hold a single sample, whose batch norm statistics are noise, and an error
    after a global pooling.

    Being a DistributedSampler keeps Lightning from putting one of its own in its place.

    Args:
        dataset: The training samples.
        seed: Another seed gives another order.
        batch_size: Samples in a batch of one rank.
        rank: This process.
        world_size: The number of processes.
        start: Where training begins.
    """

    def __init__(
        self,
        dataset: Dataset[object],
        seed: int,
        batch_size: int,
        rank: int = 0,
        world_size: int = 1,
        start: Position = Position(),  # noqa: B008 (a tuple cannot change)
    ) -> None:
        super().__init__(dataset, num_replicas=world_size, rank=rank, seed=seed)
        self._size = len(dataset)  # type: ignore[arg-type]
        self._batch_size = batch_size
        # With other samples the order is another one too, and the epoch begins anew.
        self._start = start if start.samples == self._size else Position(start.epoch)
        self.epoch = start.epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(mix(self.seed, "order", self.epoch))
        done = self._done_before(self.epoch)
        order = torch.randperm(self._size, generator=generator)[done + self.rank :: self.num_replicas]
        for index in order[: self._samples(self._size - done)].tolist():
            yield self.epoch, index

    def __len__(self) -> int:
        """The samples of a whole epoch, also in the first: Lightning adds the batches done by itself."""
        return self._samples(self._size)

    def first_batch(self, epoch: int) -> int:
        """The number, counted from 0, of the batch with which this process begins the epoch."""
        return self._batches(self._size) - self._batches(self._size - self._done_before(epoch))

    def position(self, epoch: int, batches: int) -> Position:
        """Where training is when `batches` batches of the epoch are done."""
        new = (batches - self.first_batch(epoch)) * self._batch_size * self.num_replicas
        return Position(epoch, min(self._done_before(epoch) + new, self._size), self._size)

    def _done_before(self, epoch: int) -> int:
        return self._start.samples_done if epoch == self._start.epoch else 0

    def _samples(self, remaining: int) -> int:
        """This rank's share of the samples that remain."""
        share = remaining // self.num_replicas
        single = share > 1 and self._batch_size > 1 and share % self._batch_size == 1
        return share - single

    def _batches(self, remaining: int) -> int:
        return -(-self._samples(remaining) // self._batch_size)
