"""DataLoaders that survive signals and resume in the middle of an epoch."""

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.dataset import collate
from datamodules.workers import begin_work, start_method


class PairLoader(DataLoader[tuple[Tensor, Tensor]]):
    """Batches of image float32 (B, 3, H, W) and target int64 (B, H, W).

    Lightning takes a loader with `state_dict` for one that can resume in mid-epoch. This one can, but needs
    no state of its own: its sampler starts where the data module's position says.

    Args:
        dataset: The samples.
        sampler: Their order; None: as they are.
        batch_size: Samples in a batch.
        num_workers: Processes that load; 0: the training process does.
        pin_memory: Whether batches go to a GPU.
        in_group: Whether the training process is in a process group.
    """

    def __init__(
        self,
        dataset: Dataset[tuple[Tensor, Tensor]],
        sampler: Sampler[tuple[int, int]] | None,
        batch_size: int,
        num_workers: int,
        pin_memory: bool,
        in_group: bool = False,
    ) -> None:
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            collate_fn=collate,
            multiprocessing_context=start_method(in_group) if num_workers > 0 else None,
            worker_init_fn=begin_work,
            generator=torch.Generator(),  # else each epoch draws from the global one
        )

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        pass
