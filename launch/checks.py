"""Settings that do not fit each other, found before anything is touched."""

import torch
from jsonargparse import Namespace

from launch.cli import ConfigError, TrainCLI, as_config_error


def check_settings(cli: TrainCLI) -> None:
    """See what Lightning would refuse only once training begins, or not at all.

    Raises:
        ConfigError: With the first thing that does not fit.
    """
    _check_monitor(cli)
    trainer = cli.config.trainer
    if trainer.overfit_batches:
        raise ConfigError(
            f"trainer.overfit_batches is {trainer.overfit_batches}, which would replace the order of the samples. "
            "Use --trainer.limit_train_batches."
        )
    batches, interval = len(cli.datamodule.train_dataloader()), trainer.val_check_interval
    if isinstance(interval, int) and trainer.check_val_every_n_epoch is not None and interval > batches:
        raise ConfigError(
            f"trainer.val_check_interval is {interval}, expected at most {batches}, the batches of an epoch."
        )
    _check_validation_between_steps(trainer, batches)
    with as_config_error():
        cli.model.check_optimizer()


def _check_validation_between_steps(trainer: Namespace, batches: int) -> None:
    """A validation comes between two optimizer steps: what is saved there has no place for gradients half summed up."""
    limit, interval, summed = trainer.limit_train_batches, trainer.val_check_interval, trainer.accumulate_grad_batches
    if limit is not None:
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * limit)
    if interval in (None, 1.0) or summed == 1:
        return
    every = interval if isinstance(interval, int) else max(1, int(batches * interval))
    within_epoch = trainer.check_val_every_n_epoch is not None
    if (every % summed and every != batches) or (not within_epoch and batches % summed):
        raise ConfigError(
            f"trainer.val_check_interval {interval} means a validation every {every} batches, which is "
            f"in the middle of an optimizer step: trainer.accumulate_grad_batches is {summed}. "
            f"Use a multiple of it, such as {max(summed, every - every % summed)}."
        )


def _check_monitor(cli: TrainCLI) -> None:
    """The best model is chosen by a metric that exists, and the right way round."""
    monitor, mode, scores = cli.config.checkpoint.monitor, cli.config.checkpoint.mode, cli.model.SCORES
    if monitor not in scores:
        raise ConfigError(f"checkpoint.monitor is {monitor!r}, expected one of: {', '.join(scores)}.")
    if mode != scores[monitor]:
        raise ConfigError(
            f"checkpoint.mode is {mode!r}, but {monitor} is better the other way round: "
            f"set --checkpoint.mode {scores[monitor]}."
        )


def checkpoint_size(module: torch.nn.Module) -> int:
    """About how many bytes a checkpoint takes: weights and buffers, and two values of the optimizer for each weight."""
    weights = sum(weight.nbytes for weight in module.parameters())
    return 3 * weights + sum(buffer.nbytes for buffer in module.buffers()) + 2**20


def checkpoints_kept(cli: TrainCLI) -> int:
    """How many checkpoints a run keeps at once in the end: latest, best, an interrupted one, and the epoch files."""
    files, epochs = cli.config.checkpoint, cli.config.trainer.max_epochs
    limits = [files.keep_last] if files.keep_last else []
    limits += [epochs // files.every_n_epochs] if epochs not in (None, -1) else []
    return 3 + min(limits, default=0)  # of a run that keeps all, and has no end, nobody can tell
