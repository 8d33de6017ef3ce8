"""What the data module asks of Lightning's trainer."""

from lightning.pytorch import Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker
from lightning.pytorch.strategies import ParallelStrategy

from datamodules.loading.sampler import EpochSampler, Position


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


def position_of(trainer: Trainer, sampler: EpochSampler) -> Position:
    """Return the position of the run in its training samples."""
    epochs, batches = counts(trainer)
    if epochs.processed == epochs.started:  # between two epochs: the batches are those of the last epoch
        return Position(epochs.processed)
    if batches.processed >= trainer.num_training_batches:
        return Position(epochs.processed + 1)
    return sampler.position(epochs.processed, batches.processed)


def set_first_batch(trainer: Trainer, start: Position, sampler: EpochSampler) -> None:
    """Make Lightning begin an epoch that is resumed within it at the first batch after the samples that are done.

    This batch has another number if the batch size or the number of devices has changed. The number is changed in the
    checkpoint, before Lightning restores the loops from it, because a schedule that asks for the number of steps makes
    Lightning build the loader even earlier.

    Args:
        trainer: The trainer that is restoring a checkpoint.
        start: The position in the checkpoint.
        sampler: That of the training from there on.
    """
    loops = trainer._checkpoint_connector._loaded_checkpoint["loops"]["fit_loop"]
    if loops["epoch_progress"]["current"]["processed"] != start.epoch:
        return
    batches = loops["epoch_loop.batch_progress"]["current"]
    shift = sampler.first_batch(start.epoch) - batches["processed"]
    batches.update({name: count + shift for name, count in batches.items()})
