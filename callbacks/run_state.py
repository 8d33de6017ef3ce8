"""What makes a resumed run the same run: its identity, its progress, and its random numbers."""

import hashlib
import math
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from callbacks.boundary import ends_here
from callbacks.ending import ENDED_BY
from callbacks.print_line import print_line
from callbacks.run_folder import FolderError, hold_folder
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.signature import signed
from resume.run_files import CONFIG
from resume.system.durable_files import staged
from resume.system.lock import lock_of
from resume.system.output import text


class RunState(Callback):
    """Puts the run entry into every checkpoint, restores progress on a resume, and seeds every step.

    No random state is saved. The generators are seeded before each batch by (seed, epoch, batch, rank), so a resumed
    run draws the numbers that the uninterrupted run would have drawn.

    Args:
        entry: What is known of the run before training; its progress is filled in at each save. Its `config` is also
            written to `config.yaml`.
        seed: The run's seed.
        dirpath: Folder of the run's files.
    """

    def __init__(self, entry: RunEntry, seed: int, dirpath: str) -> None:
        self.entry = entry
        self.seed = seed
        self.folder = Path(dirpath)
        self._writes_config = False
        self._config_is_due = False
        self._times_held = 0

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.entry = replace(self.entry, machine=machine(trainer))

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._write_config(trainer)
        epochs: Any = trainer.fit_loop.epoch_progress.current
        batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
        in_epoch = trainer.num_training_batches
        checkpoint["run"] = replace(
            self.entry,
            saved_at=datetime.now(UTC),
            epoch=epochs.ready,
            epoch_done=epochs.processed == epochs.ready,
            batch=batches.processed,
            batches_per_epoch=int(in_epoch) if math.isfinite(in_epoch) else 0,
            global_step=trainer.global_step,
            ended_by=checkpoint.pop(ENDED_BY, ""),
            max_epochs=-1 if trainer.max_epochs is None else trainer.max_epochs,
        )
        # An epoch's files are written at its end, shortly before Lightning counts it as completed. With max_steps,
        # Lightning would resume that epoch: end it a second time, count it as another one, and train one epoch less.
        for count in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
            if epochs.processed == epochs.started:
                count["completed"] = count["processed"]

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epochs: Any = trainer.fit_loop.epoch_progress.current
        if epochs.processed == epochs.started:
            trainer.fit_loop.epoch_loop.restarting = False  # the next epoch is a new one, also with max_steps
        # Not earlier: settings that Lightning refuses must not become the configuration of the next resume.
        self._writes_config = trainer.is_global_zero and not trainer.fast_dev_run  # type: ignore[attr-defined]
        self._config_is_due = self._writes_config
        if (lock := lock_of(self.folder)) is not None:
            lock.owner = self.entry.run_id
        self._write_config(trainer)
        if self.entry.resumed_from is not None:
            print_line(trainer, f"Checkpoint loaded from {self.entry.resumed_from.file}")
            resuming = f"Resuming training from epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            done = text("All steps of this run are done; only the validation after the last one was missing.")
            print_line(trainer, done if ends_here(trainer) else resuming)

    def change_trainer_settings(self, changes: dict[str, Any]) -> None:
        """Change settings of the trainer in the run's configuration; the next checkpoint writes it."""
        config = yaml.safe_load(self.entry.config)
        config["trainer"] |= changes
        text_of_config = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
        self.entry = signed(replace(self.entry, config=text_of_config))
        self._config_is_due = self._writes_config

    def _write_config(self, trainer: Trainer) -> None:
        """Write config.yaml if it is due, or gone. A full disk stops no training; the next checkpoint tries again."""
        if not self._writes_config:
            return
        try:
            self._write_config_if_due(trainer)
        except FolderError:
            self._config_is_due = True  # CheckpointFiles reports it
        except OSError as error:
            self._config_is_due = True
            warning = text("Warning: {file} was not written ({reason}). The next checkpoint tries again.")
            print_line(trainer, warning.format(file=CONFIG, reason=error.strerror or error))

    def _write_config_if_due(self, trainer: Trainer) -> None:
        times = hold_folder(trainer, self.folder)
        file = self.folder / CONFIG
        if self._config_is_due or times != self._times_held or not file.exists():
            with staged(file) as temporary:
                temporary.write_text(self.entry.config, encoding="utf-8")
        self._times_held, self._config_is_due = times, False

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
    """Seed the global generators by the key: of torch for the CPU and for `device`, of Python, of numpy (20 µs)."""
    number = int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "little") >> 1
    # Not torch.manual_seed, which takes 0.2 to 0.6 ms a step; this takes a few microseconds.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(number)
    random.seed(number)
    np.random.seed(number & 0xFFFFFFFF)


def machine(trainer: Trainer) -> dict[str, str]:
    """What a bit-for-bit resume depends on besides versions: threads, instructions and devices order the sums."""
    device = trainer.strategy.root_device
    conditions = {
        "device": device.type,
        "processes": str(trainer.world_size),
        "threads": str(torch.get_num_threads()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        conditions |= {"GPU": torch.cuda.get_device_name(device), "CUDA": str(torch.version.cuda)}
        conditions |= {"cuDNN": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
    return conditions
