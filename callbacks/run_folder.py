"""The folder of a run while it trains: somebody may move it, remove it, or put something else in its place."""

import os
from pathlib import Path

from lightning.pytorch import Trainer

from callbacks.print_line import print_line
from resume.checkpoints.catalog import read_catalog
from resume.system.errors import ResumeError
from resume.system.lock import FolderLock, InUseError, lock_of
from resume.system.output import text


class FolderError(OSError):
    """The run must not write into its folder, or cannot; the message says why."""


def hold_folder(trainer: Trainer, folder: Path) -> int:
    """See that this run may write into its folder; to be called before each write, in the first process.

    If the folder was moved away or removed, it is made again, with its lock, and that is said. What was moved stays as
    it is: the run goes on in the folder that the user has named.

    Args:
        trainer: The trainer.
        folder: The folder of the run's files.

    Returns:
        How often the lock of the folder was taken; 0 in a process that takes none.

    Raises:
        FolderError: Something else has the folder's place: a file, another run, or a start that holds the lock.
    """
    lock = lock_of(folder)
    try:
        if lock is None:
            folder.mkdir(parents=True, exist_ok=True)
            return 0
        if not lock.is_in_place():
            _take_again(trainer, folder, lock)
    except (OSError, ResumeError) as error:
        raise FolderError(_reason(folder, error)) from error
    return lock.times


def hold_folder_together(trainer: Trainer, folder: Path) -> None:
    """As `hold_folder`, to be called in all processes; all of them raise what the first one does."""
    problem = None
    if trainer.is_global_zero:
        try:
            hold_folder(trainer, folder)
        except FolderError as error:
            problem = str(error)
    problem = trainer.strategy.broadcast(problem)
    if problem is not None:
        raise FolderError(problem)


def _take_again(trainer: Trainer, folder: Path, lock: FolderLock) -> None:
    said = text("{folder} or its lock was replaced while the run was training. The run goes on in what is there now.")
    if not os.path.lexists(folder):
        said = text(
            "{folder} was moved away or removed while the run was training. It is made again, and the run goes on "
            "there; what was saved before is where it was moved to."
        )
    lock.take_again(lambda: _refuse_other_run(folder, lock.owner))
    print_line(trainer, said.format(folder=folder))


def _refuse_other_run(folder: Path, owner: str) -> None:
    run_id = read_catalog(folder).run_id
    if run_id not in (None, owner):
        raise ResumeError(text("{folder} now holds another run").format(folder=folder))


def _reason(folder: Path, error: Exception) -> str:
    if folder.exists() and not folder.is_dir():
        return text("{folder} is no folder any more").format(folder=folder)
    if isinstance(error, InUseError):
        return text("{folder} is in use by {holder}").format(folder=folder, holder=error.use)
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
