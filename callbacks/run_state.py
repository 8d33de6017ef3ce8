"""What makes a resumed run the same run: who it is, where it stands, and its random numbers."""

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy
from typing_extensions import override

from resume.checkpoints.newest import refusal
from resume.checkpoints.paths import content_file, place_of
from resume.checkpoints.shard_table import read_table
from resume.checkpoints.verification import require_intact
from resume.run_files import CONFIG
from resume.system.durable_files import staged
from resume.system.output import ExplainedError


class CheckpointError(ExplainedError):
    """A checkpoint that cannot be resumed from; the message says why."""


class RunState(Callback):
    """Puts the run's identity into every checkpoint, takes it back on a resume, and seeds every step.

    Nothing random is state: the generators are seeded before each batch by (seed, epoch, batch, rank), so that a
    resumed run draws what the uninterrupted one would have drawn, and no generator needs saving.

    Args:
        run_id: Names the run; made at a fresh start and kept by every resume.
        parent: The checkpoint that this start goes on from (`run_id`, `file`, `global_step`); None for a fresh start.
        seed: The run's seed.
        dirpath: Folder of the run's files.
        facts: What else each checkpoint tells of the run (data, classes, versions): plain values only. `config`, the
            resolved configuration as YAML text, is also written to `config.yaml`.
    """

    def __init__(
        self, run_id: str, parent: dict[str, Any] | None, seed: int, dirpath: str, facts: dict[str, Any]
    ) -> None:
        self.run_id = run_id
        self.parent = parent
        self.seed = seed
        self.folder = Path(dirpath)
        self.facts = facts
        self._config_is_due = False

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._write_config(pl_module)
        epochs: Any = trainer.fit_loop.epoch_progress.current
        batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        epoch_done = epochs.processed == epochs.ready
        epoch = trainer.current_epoch + 1
        checkpoint.setdefault("run", {}).update(
            self.facts,
            run_id=self.run_id,
            parent=self.parent,
            epoch=epoch,
            epoch_done=epoch_done,
            batch=batches.processed,
            batches_per_epoch=int(trainer.num_training_batches),
            global_step=trainer.global_step,
            max_epochs=trainer.max_epochs,
            finished=epoch_done and epoch == trainer.max_epochs,
        )

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        # An epoch's files are written at its end, a moment before Lightning calls it completed. With max_steps,
        # Lightning would take it up again: end it a second time, count it as another one, and train one less.
        epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]
        if epochs["current"]["processed"] == epochs["current"]["started"]:
            for count in epochs.values():
                count["completed"] = count["processed"]

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs: Any = trainer.fit_loop.epoch_progress.current
        if epochs.processed == epochs.started:
            trainer.fit_loop.epoch_loop.restarting = False  # the next epoch is a new one, also with max_steps
        # Not before: settings that Lightning refuses must not become the base of the next resume.
        self._config_is_due = trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]
        self._write_config(pl_module)
        if self.parent is not None:
            pl_module.print(f"Checkpoint loaded from {self.parent['file']}")
            pl_module.print(f"Resuming training from epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def _write_config(self, pl_module: LightningModule) -> None:
        """Where it is due: a full disk is no reason to stop, but no checkpoint comes to lie beside an older one."""
        if not self._config_is_due:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with staged(self.folder / CONFIG) as file:
                file.write_text(self.facts["config"], encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            pl_module.print(
                f"Warning: {CONFIG} was not written ({reason}). It is tried again with the next checkpoint."
            )
        else:
            self._config_is_due = False

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        seed_generators(pl_module.device, self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)

    @override
    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        key = ("validation", trainer.global_step, dataloader_idx, batch_idx, trainer.global_rank)
        seed_generators(pl_module.device, self.seed, *key)


def seed_generators(device: torch.device, *key: int | str) -> None:
    """Seed all global generators by the key: torch's for the CPU and for `device`, Python's and numpy's (20 µs)."""
    number = int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "little") >> 1
    # Not torch.manual_seed: it costs 0.2 to 0.6 ms a step, this a few microseconds.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(number)
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)


def load_for_resume(path: Path, module: LightningModule) -> dict[str, Any]:
    """Load a checkpoint whole, compare its checksums, and see that it fits the network. Nothing in it is executed.

    Args:
        path: The checkpoint file.
        module: The module that is to take the weights; it is not changed.

    Returns:
        The checkpoint's `run` entry: plain values.

    Raises:
        CheckpointError: It does not load, is no checkpoint of this program, or holds other weights than the network.
    """
    try:
        require_intact(path)  # torch.load reads a tensor whose bits have changed without a word
        checkpoint = torch.load(content_file(path), map_location="cpu", weights_only=True)
        place = place_of(path)
        shapes = _shapes_of_shards(place) if place.is_dir() else _shapes(checkpoint.get("state_dict", {}))
    except Exception as error:  # damaged content can fail in any way
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise CheckpointError(refusal(path, reason)) from error
    needed = ["loops", "callbacks", "run", *([] if place.is_dir() else ["state_dict", "optimizer_states"])]
    missing = [key for key in needed if key not in checkpoint]
    if missing:
        raise CheckpointError(f"{path} is no checkpoint of this program: it has no {', '.join(missing)}.")
    problems = _differences(shapes, _shapes(module.state_dict()))
    if problems:
        raise CheckpointError(
            f"{path} does not fit the network ({len(problems)} of its tensors): {'; '.join(problems[:5])}. "
            f"Use the settings of the run that wrote it (its {CONFIG}), or another checkpoint."
        )
    run: dict[str, Any] = checkpoint["run"]
    return run


def require_reader(path: Path, strategy: Strategy) -> None:
    """See that the strategy can go on from the form of a checkpoint.

    Raises:
        CheckpointError: It is a folder of shards, and the strategy knows files alone.
    """
    if place_of(path).is_dir() and not isinstance(strategy, FSDPStrategy | ModelParallelStrategy):
        raise CheckpointError(
            f"{path} is a folder of shards; only --trainer.strategy fsdp or model_parallel can go on from it. "
            f"To make one file of it: python -m lightning.pytorch.utilities.consolidate_checkpoint {path}"
        )


Shapes = dict[str, tuple[int, ...]]


def _shapes(tensors: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _shapes_of_shards(folder: Path) -> Shapes:
    """Those of the weights, which FSDP's strategy saves as `model`, and Lightning's for other ways as `state_dict`."""
    saved = {name.partition("."): shape for name, shape in read_table(folder).shapes.items()}
    return {name: shape for (first, _, name), shape in saved.items() if first in ("model", "state_dict")}


def _differences(saved: Shapes, wanted: Shapes) -> list[str]:
    texts = [f"{name} is missing" for name in wanted if name not in saved]
    texts += [f"{name} is not in the network" for name in saved if name not in wanted]
    for name in wanted.keys() & saved.keys():
        if saved[name] != wanted[name]:
            texts.append(f"{name} has shape {saved[name]}, expected {wanted[name]}")
    return sorted(texts)
