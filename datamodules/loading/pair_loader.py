"""DataLoaders whose workers ignore stop signals, and which can resume within an epoch."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.loading.dataset import collate
from datamodules.loading.unreadable import Failure, collate_loaded
from datamodules.loading.workers import initialise_worker, start_method, stop_signals_blocked
from resume.system.output import current_language

OnFailures = Callable[[list[Failure]], None]


class PairLoader(DataLoader[tuple[Tensor, Tensor]]):
    """Batches of image float32 (B, 3, H, W) and target int64 (B, H, W).

    Lightning treats a loader with `state_dict` as one that can resume within an epoch. This loader can, but it needs
    no state of its own: its sampler starts at the position that the data module restores.

    Args:
        dataset: The samples.
        sampler: The order of the samples; None: the order of the dataset.
        batch_size: Samples in a batch.
        num_workers: Processes that load samples; 0: the training process loads them.
        pin_memory: Whether the batches are copied to a GPU.
        in_group: Whether the training process is in a process group.
        on_failures: Called with the pairs of each batch that could not be read, of a `ForgivingDataset`; None: such a
            pair is an error.
    """

    def __init__(
        self,
        dataset: Dataset[tuple[Tensor, Tensor]],
        sampler: Sampler[tuple[int, int]] | None,
        batch_size: int,
        num_workers: int,
        pin_memory: bool,
        in_group: bool = False,
        on_failures: OnFailures | None = None,
    ) -> None:
        collating: Callable[[Any], Any] = collate if on_failures is None else collate_loaded
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            collate_fn=collating,
            multiprocessing_context=start_method(in_group) if num_workers > 0 else None,
            worker_init_fn=partial(initialise_worker, current_language()),
            generator=torch.Generator(),  # without it, each epoch would draw from the global generator
        )
        self._on_failures = on_failures

    def __iter__(self) -> Any:
        batches = super().__iter__()
        return batches if self._on_failures is None else self._without_failures(batches, self._on_failures)

    @staticmethod
    def _without_failures(batches: Any, on_failures: OnFailures) -> Iterator[tuple[Tensor, Tensor]]:
        for images, targets, failures in batches:
            on_failures(failures)
            yield images, targets

    def _get_iterator(self) -> Any:
        # A signal would otherwise interrupt the start of a worker, and leave one of which the program does not know.
        with stop_signals_blocked():
            return super()._get_iterator()

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        pass
