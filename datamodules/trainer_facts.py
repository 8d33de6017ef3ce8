"""What the data module asks of Lightning's trainer."""

from lightning.pytorch import Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker
from lightning.pytorch.strategies import ParallelStrategy


def is_in_group(trainer: Trainer | None) -> bool:
    """Return whether the process is in a process group, even as its only member."""
    return trainer is not None and isinstance(trainer.strategy, ParallelStrategy)


def counts(trainer: Trainer) -> tuple[_ProcessedTracker, _ProcessedTracker]:
    """Return Lightning's counts of the epochs of the run and of the batches of the epoch."""
    epochs = trainer.fit_loop.epoch_progress.current
    batches = trainer.fit_loop.epoch_loop.batch_progress.current
    assert isinstance(epochs, _ProcessedTracker)
    assert isinstance(batches, _ProcessedTracker)
    return epochs, batches


def set_first_batch(trainer: Trainer, epoch: int, first: int) -> None:
    """Give the first batch of an epoch that is resumed within it another number, if it is that epoch.

    The number is changed in the checkpoint, before Lightning restores the loops from it, because a schedule that asks
    for the number of steps makes Lightning build the loader even earlier.

    Args:
        trainer: The trainer that is restoring a checkpoint.
        epoch: The epoch, counted from 0.
        first: The number.
    """
    loops = trainer._checkpoint_connector._loaded_checkpoint["loops"]["fit_loop"]
    if loops["epoch_progress"]["current"]["processed"] != epoch:
        return
    batches = loops["epoch_loop.batch_progress"]["current"]
    shift = first - batches["processed"]
    batches.update({name: count + shift for name, count in batches.items()})
