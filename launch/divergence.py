"""What a run reports whose weights are no longer finite: the last finite checkpoint, and commands that can help."""

import sys
from pathlib import Path
from typing import ClassVar

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from callbacks import NotFiniteError
from callbacks.finding import callbacks_of
from launch.cli import TrainCLI
from resume.checkpoints.catalog import Catalog, read_catalog
from resume.checkpoints.description import Checkpoint
from resume.checkpoints.newest import newest_first
from resume.commands import command_to_resume
from resume.system.output import ExplainedError, is_silent, plural, text

_LOWER = 10.0
_CLIPPING = "--trainer.gradient_clip_val=1"


class DivergedError(ExplainedError):
    """Weights or scores are no longer finite; the message says what to do. The same start would end the same way."""

    exit_code: ClassVar[int] = 1


def diverged_error(divergence: NotFiniteError, cli: TrainCLI, folder: Path) -> DivergedError:
    """Explain why training has ended.

    Args:
        divergence: What was found.
        cli: The configuration, and the module that was trained.
        folder: The folder of the run's files.
    """
    _leave_it_to_the_first()
    said = text("Training ended in epoch {epoch}, step {step}: the weights are no longer finite{names}.")
    lines = [
        said.format(epoch=divergence.epoch, step=divergence.global_step, names=_names_text(divergence.tensors))
        + " "
        + text("They were not saved.")
    ]
    first = cli.model.bad_steps.first
    if first:
        lines.append(text("The first step whose loss was not finite is step {first}.").format(first=first))
    rate = cli.config.get("model.init_args.optimizer.init_args.lr")
    flags = [f"--model.optimizer.lr={rate / _LOWER:g}"] if rate else []
    flags += [] if cli.config.trainer.gradient_clip_val else [_CLIPPING]
    last = _last_useful(read_catalog(folder))
    if last is None:
        said = text("No checkpoint of this run exists yet. Start again with one of these, or both: {flags}")
        lines.append(said.format(flags="  ".join(flags)))
    else:
        said = text(
            "The last finite checkpoint is {file} (epoch {epoch}, step {step}). One of these may help, or both:"
        )
        lines.append(said.format(file=last.path, epoch=last.epoch, step=last.global_step))
        lines += [f"  {command_to_resume(last.path, flag)}" for flag in flags]
    return DivergedError("\n".join(lines))


def refuse_stop_by_nan(trainer: Trainer) -> None:
    """See that early stopping has not ended the run because its metric is NaN: such a run has learnt no more.

    Raises:
        DivergedError: It has.
    """
    for callback in callbacks_of(trainer, EarlyStopping) if trainer.should_stop else ():
        if callback.stopping_reason != EarlyStoppingReason.NON_FINITE_METRIC:
            continue
        said = text(
            "Early stopping ended the run after step {step}, because {monitor} is not finite. The weights are, and "
            "they are saved. To train on, let it monitor another metric, or set its check_finite to false."
        )
        _leave_it_to_the_first()
        raise DivergedError(said.format(step=trainer.global_step, monitor=callback.monitor))


def _last_useful(catalog: Catalog) -> Checkpoint | None:
    """The newest checkpoint of the run with a finite score: weights can be finite and too large to be of use.

    Without any score, the newest checkpoint.
    """
    usable = (found for found in newest_first(catalog) if not found.damage and found.run_id == catalog.run_id)
    return next((found for found in usable if found.score is not None), catalog.newest)


def _leave_it_to_the_first() -> None:
    """End this process if another one of the launch reports the same."""
    if is_silent():
        sys.exit(DivergedError.exit_code)


def _names_text(names: list[str]) -> str:
    if not names:
        return ""
    others = plural("{count} more tensor", "{count} more tensors", len(names) - 1)
    return f" ({names[0]}, {others})" if len(names) > 1 else f" ({names[0]})"
