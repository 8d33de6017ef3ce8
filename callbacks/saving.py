"""Checkpoints that are either the old one or the new one, whole, at every moment."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from torch.distributed.checkpoint.api import CheckpointException
from typing_extensions import override

from resume.checkpoints.paths import is_shards
from resume.system.durable_files import staged


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints through `staged`. Lightning's own stages in $TMPDIR, where a kill leaves half a file in place."""

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write the checkpoint, or leave the file of the save before it as it is.

        Raises:
            OSError: The system refused: no room, a quota, a faulty disk, a file that is open on Windows.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target, replaceable=is_shards) as temporary, temporary.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                # What torch 2.14 makes of a write that the system refused: "unexpected pos 704 vs 598".
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from error
                raise


def save_whole(trainer: Trainer, path: Path) -> None:
    """Save the trainer's state under this name, whole or not at all; to be called in all processes.

    Where it fails in one of them, that one meets the others all the same, who would wait for it.

    As a rule that is one file, by `AtomicCheckpointIO`. Strategies that shard the model write a folder, each process
    its part, past any CheckpointIO: the folder gets its name once all of them have written.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    if not (writes_folders(trainer.strategy) and trainer.is_global_zero):
        _save(trainer, path)  # of all paths, a strategy that shards takes that of the first process
        return
    with staged(path, replaceable=is_shards) as temporary:
        _save(trainer, temporary)


def _save(trainer: Trainer, path: Path) -> None:
    try:
        trainer.save_checkpoint(path)
    except OSError:
        _meet(trainer)
        raise
    except CheckpointException as error:
        _meet(trainer)
        # torch collects what the processes met, in something that is no Exception.
        refused = [failure for failure, _ in error.failures.values() if isinstance(failure, OSError)]
        raise refused[0] if refused else RuntimeError(str(error)) from error


def _meet(trainer: Trainer) -> None:
    trainer.strategy.barrier("Trainer.save_checkpoint")  # with which that method ends in the other processes


def writes_folders(strategy: Strategy) -> bool:
    """Whether the strategy saves a folder of shards instead of one file."""
    if isinstance(strategy, FSDPStrategy):
        return strategy._state_dict_type == "sharded"
    return isinstance(strategy, ModelParallelStrategy) and strategy._save_distributed_checkpoint
