"""Saving a checkpoint, so that at every moment its name has either the old content or the new one, whole."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import PicklingError
from typing import Any, BinaryIO, ClassVar

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from torch.distributed.checkpoint.api import CheckpointException
from torch.serialization import default_restore_location
from typing_extensions import override

from callbacks.loaded_storages import LoadedStorages
from callbacks.run_folder import hold_folder, hold_folder_together
from callbacks.set_aside import set_aside_of
from resume.checkpoints.paths import is_shards
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.saved_run import append_run, run_json_of_folder
from resume.checkpoints.verification import find_run, read_run, saved_storages
from resume.run_files import RUN_ENTRY
from resume.system.durable_files import open_steadily, staged
from resume.system.errors import UnreadableError
from resume.system.lock import lock_of
from resume.system.output import ExplainedError, text

RUN = "run"


class UnresumableError(ExplainedError):
    """A state that no resume could read; the message says why."""

    exit_code: ClassVar[int] = 1


class ChangedError(ExplainedError):
    """What was loaded is not what was saved; the message says of which checkpoint."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints through `staged`, and their run entry as `run.json` beside the pickle instead of into it.

    Lightning's own IO stages in $TMPDIR, where a kill leaves half a file in place of the good one.
    """

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Write the checkpoint, or leave the file of the previous save as it is.

        Args:
            checkpoint: Is not changed. Its entry `run` becomes `run.json`, the only copy.
            path: The file.
            storage_options: Not used.

        Raises:
            OSError: The system refused: no room, a quota, a faulty disk, a file that is open on Windows.
            ValueError: The run entry is too large.
            UnresumableError: No resume could read the checkpoint.
        """
        target = Path(path)
        if lock_of(target.parent) is None:  # a folder of the user's; that of the run is made with its lock
            target.parent.mkdir(parents=True, exist_ok=True)
        run = checkpoint.get(RUN)
        if not isinstance(run, RunEntry):  # weights alone, as Lightning passes them from one process to another
            with staged(target, replaceable=is_shards) as temporary, temporary.open("wb") as file, _explained(target):
                _write(checkpoint, file)
            return
        with staged(target, replaceable=is_shards) as temporary, open_steadily(temporary) as new, _explained(target):
            _write({key: value for key, value in checkpoint.items() if key != RUN}, new)
            append_run(new, run)

    @override
    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Callable[..., Any] | None = lambda storage, _: storage,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Load a checkpoint; its run entry is the entry `run` again, a `RunEntry`.

        Raises:
            FileNotFoundError: There is no such file.
            ChangedError: The run entry is damaged, or what was loaded is not what was saved.
        """
        file = Path(path)
        try:
            run = find_run(file) if file.exists() else None
            if run is None:
                return super().load_checkpoint(file, map_location, weights_only)
            compared = LoadedStorages(saved_storages(file), map_location or default_restore_location)
            checkpoint = super().load_checkpoint(file, compared, weights_only)
            compared.require_all()
        except UnreadableError as error:
            said = text(
                "{file} was loaded as something else than was saved ({reason}). It has changed since it was checked, "
                "or the memory or the disk of this machine is faulty. Nothing was trained; start again."
            )
            raise ChangedError(said.format(file=file, reason=error)) from error
        return {**checkpoint, RUN: run}


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Explain why a resume could not read what was to be saved.

    Raises:
        UnresumableError: In place of an `UnreadableError`.
    """
    try:
        yield
    except UnreadableError as error:
        said = text(
            "{file} was not saved, because no resume could read it ({reason}). A callback, the optimizer or "
            "the module saves something else than tensors, numbers, texts, and lists, tuples and dicts of them."
        )
        raise UnresumableError(said.format(file=file, reason=error)) from error


def _write(content: dict[str, Any], file: BinaryIO) -> None:
    try:
        torch.save(content, file)
    except RuntimeError as error:
        # torch 2.14 turns a write that the system refused into "unexpected pos 704 vs 598".
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise
    except (PicklingError, AttributeError, TypeError) as error:  # which of them depends on the object
        raise UnreadableError(str(error)) from error


def state_of(trainer: Trainer) -> dict[str, Any]:
    """The checkpoint of this moment. Its tensors are those of the trainer: they change with the next step."""
    state: dict[str, Any] = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
    return state


def loaded_run(trainer: Trainer, checkpoint: dict[str, Any]) -> RunEntry:
    """The run entry of the checkpoint that is being restored; strategies that read shards do not pass it on."""
    run = checkpoint.get(RUN)
    return run if isinstance(run, RunEntry) else read_run(Path(str(trainer.ckpt_path)))


def save_together(trainer: Trainer, path: Path, state: dict[str, Any] | None = None) -> None:
    """Save a state under this name, whole or not at all; to be called in all processes.

    The folder is made, with its lock, if it is gone. A process in which the save fails still joins the barrier in which
    the others wait for it.

    Args:
        trainer: The trainer.
        path: The file.
        state: From `state_of`; None for the state of this moment.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    hold_folder_together(trainer, path.parent)
    try:
        _save(trainer, path, state)
    except (OSError, UnresumableError):
        _meet(trainer)
        raise
    except CheckpointException as error:
        _meet(trainer)
        # torch collects the errors of all processes in a class that is no Exception.
        refused = [failure for failure, _ in error.failures.values() if isinstance(failure, OSError)]
        raise refused[0] if refused else RuntimeError(str(error)) from error
    waiting = set_aside_of(trainer)
    if waiting is not None:
        waiting.on_saved(trainer)
    _meet(trainer)


def save_alone(trainer: Trainer, path: Path, state: dict[str, Any] | None = None) -> None:
    """As `save_together`, without waiting for other processes: those may not know of this save.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    if trainer.is_global_zero:
        hold_folder(trainer, path.parent)
    _save(trainer, path, state)


def _save(trainer: Trainer, path: Path, state: dict[str, Any] | None) -> None:
    """Save a state.

    What was set aside for the first save of this start stays where it is.

    These are the steps of `Trainer.save_checkpoint` without its barrier. As a rule the checkpoint is one file, written
    by `AtomicCheckpointIO`. Strategies that shard the model write a folder, each process its part, and use no
    CheckpointIO. The folder gets its name once all processes have written and `run.json` is in it.

    Raises:
        OSError: The system refused; what was there before is unchanged.
    """
    with trainer.profiler.profile("save_checkpoint"):  # type: ignore[attr-defined]
        checkpoint = dict(state_of(trainer) if state is None else state)
        if not writes_folders(trainer.strategy):
            trainer.strategy.save_checkpoint(checkpoint, path)
            return
        run = checkpoint.pop(RUN, None)
        if not trainer.is_global_zero:
            trainer.strategy.save_checkpoint(checkpoint, path)  # takes the path of the first process
            return
        with staged(path, replaceable=is_shards) as temporary:
            trainer.strategy.save_checkpoint(checkpoint, temporary)
            if isinstance(run, RunEntry):
                with _explained(path):
                    (temporary / RUN_ENTRY).write_bytes(run_json_of_folder(temporary, run))


def _meet(trainer: Trainer) -> None:
    trainer.strategy.barrier("Trainer.save_checkpoint")


def writes_folders(strategy: Strategy) -> bool:
    """Whether the strategy saves a folder of shards instead of one file."""
    if isinstance(strategy, FSDPStrategy):
        return strategy._state_dict_type == "sharded"
    return isinstance(strategy, ModelParallelStrategy) and strategy._save_distributed_checkpoint
