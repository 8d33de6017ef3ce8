"""DataLoaders that survive signals and resume in the middle of an epoch."""

import atexit
import multiprocessing
import signal

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.dataset import collate

# Windows has no SIGHUP, others no SIGBREAK. SIGUSR1 is how SLURM tells that a job's time is nearly over.
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1")


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
    """

    def __init__(
        self,
        dataset: Dataset[tuple[Tensor, Tensor]],
        sampler: Sampler[tuple[int, int]] | None,
        batch_size: int,
        num_workers: int,
        pin_memory: bool,
    ) -> None:
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=batch_size,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=num_workers > 0,
            collate_fn=collate,
            worker_init_fn=ignore_stop_signals,
            generator=torch.Generator(),  # else each epoch draws from the global one
        )

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        pass


def ignore_stop_signals(_worker_id: int) -> None:
    """A terminal and a scheduler signal the whole process group; only the training process decides when to
    stop.
    """
    for name in STOP_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


@atexit.register
def end_workers() -> None:
    """End the workers that are left at the end of the program.

    Python ends them by SIGTERM and waits; they ignore it, and it would wait for ever. Registered after Python's own
    handler, this one runs before it.
    """
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler takes a worker's end for a fault
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
