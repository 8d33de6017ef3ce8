"""One state under several names: written once, and linked to the others."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.utilities import rank_zero_warn

from callbacks.checkpoint_io import save_together
from callbacks.run_folder import hold_folder
from resume.checkpoints.paths import is_shards
from resume.run_files import old_epoch_files
from resume.system.durable_files import link, remove
from resume.system.output import text


def write_or_link(trainer: Trainer, folder: Path, name: str, saved: list[str], state: dict[str, Any]) -> str | None:
    """Write the file of this name, or link it to one that is written; to be called in all processes.

    Args:
        trainer: The trainer.
        folder: Folder of the run's files.
        name: The file.
        saved: Names that hold this state already.
        state: From `state_of`.

    Returns:
        Why that failed, in all processes; None if it did not.
    """
    problem = None
    try:
        if not saved:
            save_together(trainer, folder / name, state)
        elif trainer.is_global_zero:
            link(folder / saved[0], folder / name, replaceable=is_shards)
    except OSError as error:
        problem = error.strerror or str(error)
    # All processes must have the same best score, since it decides when they save together.
    answer: str | None = trainer.strategy.broadcast(problem)
    return answer


def drop_old_epoch_files(trainer: Trainer, folder: Path, epoch: int, keep_last: int) -> None:
    """Remove the epoch files up to `epoch` that are not among the last `keep_last`; 0 keeps all.

    To be called in the first process.
    """
    try:
        hold_folder(trainer, folder)
        names = [path.name for path in folder.iterdir()]
    except OSError:  # the files are gone, or not of this run; the save reports it
        return
    for name in old_epoch_files(names, epoch, keep_last):
        try:
            remove(folder / name)
        except OSError as error:  # on Windows, open in another program; the next save tries again
            rank_zero_warn(text("{path} could not be deleted: {reason}").format(path=folder / name, reason=error))
