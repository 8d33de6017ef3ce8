"""What is checked before anything is touched: data, network, settings and the checkpoint that is resumed."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch import Callback

from callbacks import CheckpointFiles, TrainingHistory
from launch.cli import TrainCLI
from launch.config_errors import ConfigError, as_config_error
from launch.first_look import FirstLook
from launch.loading import CheckpointError, Loaded, load_for_resume, require_fit
from launch.own_split import report_own_split
from launch.report import CheckProgress
from launch.schedule_checks import limited
from launch.state_form import other_form
from lit_modules import (
    NetworkError,
    check_changed_optimizer,
    check_optimizer,
    check_restored_optimizer,
    check_restored_schedule,
)
from resume import limits
from resume.arguments import Arguments
from resume.checkpoints.newest import refusal
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.run_json import MAX_PARTS
from resume.compatibility import (
    changed_optimizer_settings,
    has_other_classes,
    refuse_other_budget,
    refuse_other_data,
)
from resume.decision import Decision, Resume
from resume.system.output import say, text

_MOST_DEVICES = 256


def check(cli: TrainCLI, arguments: Arguments, loaded: Loaded | None, look: FirstLook) -> RunEntry | None:
    """Check that data, network, settings and checkpoint fit each other.

    Args:
        cli: The configuration, with its datamodule and its module.
        arguments: The command line.
        loaded: The checkpoint that is resumed, from `load`.
        look: The first process of a launch checks the files, and the others do without the pairs that it cannot read.

    Returns:
        The run entry of the checkpoint that is resumed; None for a new run.

    Raises:
        DataError, NetworkError, ConfigError, CheckpointError, ResumeError: The first thing that does not fit.
    """
    _check_one_rule(cli, arguments, is_new=loaded is None)
    cli.datamodule.run_pairs.do_without(look.take("skipped", lambda: _skipped(cli, loaded)))
    look.found["pairs"] = cli.datamodule.run_pairs.fingerprint
    cli.model.check(cli.datamodule.example_image())
    check_settings(cli)
    if loaded is None:
        return None
    require_fit(loaded, cli.model)
    refuse_other_data(loaded.path, loaded.run, cli.data_paths, arguments.typed)
    refuse_other_budget(loaded.run, cli.config.train_minutes)
    changed = changed_optimizer_settings(loaded.path, loaded.run, cli.config_text())
    if changed:
        check_changed_optimizer(cli.model, changed)
    _check_states(cli, loaded)
    report_own_split(cli.overruled, cli.datamodule.stayed)
    return loaded.run


def _skipped(cli: TrainCLI, loaded: Loaded | None) -> list[int]:
    """Check the files; returns what stands for the pairs that the run does without."""
    other_classes = loaded is not None and has_other_classes(loaded.run, cli.config_text())
    cli.datamodule.check(every_gt=other_classes, progress=CheckProgress())
    return sorted(cli.datamodule.run_pairs.used.skipped)


def load(cli: TrainCLI, decision: Decision) -> Loaded | None:
    """Load the checkpoint of a resume, and let the datamodule continue from it; None for a new run.

    Raises:
        UnloadableError: It does not load.
    """
    if not isinstance(decision, Resume):
        return None
    say(f"Loading checkpoint from {decision.path}...")
    loaded = load_for_resume(decision.path)
    # Before the pairs are divided: each stays on the side on which the run has used it.
    cli.datamodule.continue_from(loaded.states.get(type(cli.datamodule).__qualname__, {}))
    return loaded


def _check_states(cli: TrainCLI, loaded: Loaded) -> None:
    """See that the states are there, without which Lightning would go on in silence, and that the optimizer's fits."""
    if loaded.optimizer is None:  # a folder of shards
        return
    states, callbacks = loaded.states, loaded.states["callbacks"]
    missing = [] if states.get("lr_schedulers") else ["lr_schedulers"]
    missing += [
        f"callbacks.{one.__name__}" for one in (CheckpointFiles, TrainingHistory) if not callbacks.get(one.__name__)
    ]
    missing += _of_other_form(cli.configured_callbacks, callbacks)
    if missing:
        reason = text("wrong or missing entry: {entry}").format(entry=missing[0])
        raise CheckpointError(refusal(loaded.path, reason))
    try:
        check_restored_optimizer(cli.model, loaded.optimizer)
        check_restored_schedule(cli.model, states["lr_schedulers"][0])
    except NetworkError as error:
        raise CheckpointError(refusal(loaded.path, str(error))) from error


def _of_other_form(configured: list[Callback], states: Mapping[str, Any]) -> Iterator[str]:
    """Name the states of Lightning's own callbacks that these would use only later, and then fail."""
    for callback in configured:
        if type(callback).__module__.partition(".")[0] == "lightning" and callback.state_key in states:
            with suppress(Exception):  # some have a state only in training
                key, state = callback.state_key, callback.state_dict()
                yield from other_form(state, states[key], f"callbacks.{type(callback).__name__}")


def _check_one_rule(cli: TrainCLI, arguments: Arguments, *, is_new: bool) -> None:
    """A share that was typed for a new run is not ignored in silence where something else decides."""
    data = cli.config.data.init_args
    rules = [name for name in ("fold", "split", "val_image_path") if data.get(name) is not None]
    if not rules or "data.val_fraction" not in arguments.typed or not is_new:
        return
    if rules[0] == "fold":
        message = text("--data.val_fraction and --data.fold: each says how many pairs are for validation. Use one.")
        raise ConfigError(message)
    message = text("--data.val_fraction decides nothing: --data.{rule} says which pairs are for validation.")
    say(message.format(rule=rules[0]))


def is_finished(cli: TrainCLI, decision: Resume, resumed: RunEntry | None) -> bool:
    """Whether the run has nothing left to train; if so, that is reported."""
    assert resumed is not None
    return limits.is_finished(decision.path, resumed, cli.config_text())


def check_settings(cli: TrainCLI) -> None:
    """Check what Lightning would refuse only once training begins, or not at all.

    Raises:
        ConfigError: With the first thing that does not fit.
    """
    _check_monitor(cli)
    trainer = cli.config.trainer
    if str(trainer.devices).isdecimal() and int(trainer.devices) > _MOST_DEVICES:
        message = text("trainer.devices is {devices}; each device is a process, and at most {most} are possible.")
        raise ConfigError(message.format(devices=trainer.devices, most=_MOST_DEVICES))
    if trainer.overfit_batches:
        raise ConfigError(
            text(
                "trainer.overfit_batches is {batches}, which would replace the order of the samples. "
                "Use --trainer.limit_train_batches."
            ).format(batches=trainer.overfit_batches)
        )
    batches, interval = len(cli.datamodule.train_dataloader()), trainer.val_check_interval
    if isinstance(interval, int) and trainer.check_val_every_n_epoch is not None and interval > batches:
        raise ConfigError(
            text(
                "trainer.val_check_interval is {interval}; it must be at most {batches}, the batches of an epoch."
            ).format(interval=interval, batches=batches)
        )
    _check_validation_between_steps(trainer, batches)
    _check_tensor_count(cli.model)
    with as_config_error():
        check_optimizer(cli.model)


def _check_validation_between_steps(trainer: Namespace, batches: int) -> None:
    """A validation must come between two optimizer steps: a checkpoint cannot hold half a sum of gradients."""
    limit, interval, summed = trainer.limit_train_batches, trainer.val_check_interval, trainer.accumulate_grad_batches
    if limit is not None:
        batches = limited(batches, limit)
    if interval in (None, 1.0) or summed == 1:
        return
    every = interval if isinstance(interval, int) else max(1, int(batches * interval))
    within_epoch = trainer.check_val_every_n_epoch is not None
    if (every % summed and every != batches) or (not within_epoch and batches % summed):
        raise ConfigError(
            text(
                "trainer.val_check_interval {interval} means a validation every {every} batches, in the middle of an "
                "optimizer step: trainer.accumulate_grad_batches is {summed}. Use a multiple of it, such as {multiple}."
            ).format(interval=interval, every=every, summed=summed, multiple=max(summed, every - every % summed))
        )


def _check_monitor(cli: TrainCLI) -> None:
    """The best model must be chosen by a metric that exists, in the right direction."""
    monitor, mode, scores = cli.config.checkpoint.monitor, cli.config.checkpoint.mode, cli.model.SCORES
    if monitor not in scores:
        raise ConfigError(
            text("checkpoint.monitor is {monitor!r}, expected one of: {names}.").format(
                monitor=monitor, names=", ".join(scores)
            )
        )
    if mode != scores[monitor]:
        raise ConfigError(
            text(
                "checkpoint.mode is {mode!r}, the wrong direction for {monitor}: set --checkpoint.mode {right}."
            ).format(mode=mode, monitor=monitor, right=scores[monitor])
        )


def _check_tensor_count(module: torch.nn.Module) -> None:
    """A checkpoint lists its tensors, of which the optimizer keeps two for each weight, in a file of limited size."""
    tensors = 3 * sum(1 for _ in module.parameters()) + sum(1 for _ in module.buffers())
    if tensors > MAX_PARTS:
        raise ConfigError(
            text("The network would have about {count} tensors in a checkpoint; at most {limit} are possible.").format(
                count=tensors, limit=MAX_PARTS
            )
        )
