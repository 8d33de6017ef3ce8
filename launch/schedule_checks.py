"""Whether a schedule that counts steps fits the steps of the run. The default schedule counts none."""

from lightning.pytorch import Trainer

from launch.cli import TrainCLI
from launch.config_errors import ConfigError
from lit_modules import schedule_length
from resume.checkpoints.run_config import part_of, settings_of
from resume.checkpoints.run_entry import RunEntry
from resume.system.output import text


def refuse_other_unit(cli: TrainCLI, trainer: Trainer, resumed: RunEntry) -> None:
    """Refuse to resume a schedule per step if an epoch now has another number of steps.

    Raises:
        ConfigError: With both numbers.
    """
    if cli.model.lr_scheduler is None or cli.model.lr_scheduler_interval == "epoch" or not resumed.batches_per_epoch:
        return
    accumulated = part_of(settings_of(resumed.config), "trainer").get("accumulate_grad_batches", 1)
    before, now = _steps(resumed.batches_per_epoch, accumulated), steps_per_epoch(cli, trainer)
    if before == now:
        return
    raise ConfigError(
        text(
            "{scheduler} counts steps, and an epoch of this run has {before} of them, but would now have {now}. Use "
            "the run's batch size, number of devices, accumulate_grad_batches, limit_train_batches and data; with the "
            "default schedule (model.lr_scheduler null), they may change."
        ).format(scheduler=_name(cli), before=before, now=now)
    )


def refuse_short_schedule(cli: TrainCLI, trainer: Trainer) -> None:
    """Refuse a schedule of fixed length, such as OneCycleLR, that ends before the run.

    Raises:
        ConfigError: With both lengths.
    """
    length = schedule_length(cli.model)
    if length is None:
        return
    per_epoch = steps_per_epoch(cli, trainer)
    counts_steps = cli.model.lr_scheduler_interval == "step"
    needed = []
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        needed.append(trainer.max_epochs * per_epoch if counts_steps else trainer.max_epochs)
    if trainer.max_steps >= 0:
        needed.append(trainer.max_steps if counts_steps else -(-trainer.max_steps // per_epoch))
    if needed and min(needed) <= length:
        return
    raise ConfigError(
        text(
            "{scheduler} ends after {length} steps (total_steps), but this run would make {needed}. A run that has "
            "begun cannot change that: use --max_epochs {epochs}. In a new run, set --model.lr_scheduler.total_steps."
        ).format(
            scheduler=_name(cli),
            length=length,
            needed=min(needed, default="∞"),
            epochs=length // per_epoch if counts_steps else length,
        )
    )


def steps_per_epoch(cli: TrainCLI, trainer: Trainer) -> int:
    """Optimizer steps of an epoch on all devices."""
    batches = cli.datamodule.batches_per_epoch(trainer.world_size)
    return _steps(limited(batches, trainer.limit_train_batches), trainer.accumulate_grad_batches)


def limited(batches: int, limit: float) -> int:
    """Return how many of the batches a limit leaves: a number of them (int) or a share (float)."""
    return min(batches, limit) if isinstance(limit, int) else int(batches * limit)


def _steps(batches: int, accumulated: int) -> int:
    return -(-batches // accumulated)


def _name(cli: TrainCLI) -> str:
    class_path: str = cli.config.model.init_args.lr_scheduler.class_path
    return class_path.rpartition(".")[2]
