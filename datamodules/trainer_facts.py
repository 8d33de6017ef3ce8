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
