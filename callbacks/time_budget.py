"""A time budget for the whole run: the speed is measured once, and the run gets the length that fits."""

import time
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from callbacks.print_line import print_line
from callbacks.time_plan import Speed, TimePlan, plan_run
from resume.system.output import plural, text

_WARM_STEPS = 2  # the first steps start the workers and choose kernels
_STEPS = 20
_SHORT_EPOCH = 0.1  # share of the budget
_WINDOW = 0.05  # share of the budget during which short epochs are measured
_PER_MINUTE = 60


class TimeBudget(Callback):
    """Measures the speed of a run without end and sets `max_epochs` or `max_steps`, so that it ends within its budget.

    After 20 steps, the speed of a step and, from the check before training, that of a validation are known. If an epoch
    is short, whole epochs are measured instead, with their validation and their files. The plan is made once and
    becomes part of the configuration: learning rate and end follow from it, and a resume keeps it.

    Args:
        minutes: The budget.
        on_plan: Gets the plan, in every process.
    """

    def __init__(self, minutes: float, on_plan: Callable[[TimePlan], None]) -> None:
        self.seconds = _PER_MINUTE * minutes
        self._on_plan = on_plan
        self._is_planned = False
        self._measures_epochs = False
        self._begin = 0.0
        self._warm: float | None = None
        self._validation_batches: list[float] = []
        self._first_epoch: tuple[float, int] | None = None  # of those that are measured: begin, steps done

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._begin = _now(trainer)

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.sanity_checking:
            self._validation_batches.append(_now(trainer))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._is_planned or self._measures_epochs:
            return
        if self._warm is None and trainer.global_step >= _WARM_STEPS:
            self._warm, self._warm_steps = _now(trainer), trainer.global_step
        elif self._warm is not None and trainer.global_step >= self._warm_steps + _STEPS - _WARM_STEPS:
            step = (_now(trainer) - self._warm) / (trainer.global_step - self._warm_steps)
            speed = self._speed(trainer, step, self._validation(trainer, step))
            # All processes must do the same, and their clocks differ.
            self._measures_epochs = trainer.strategy.broadcast(speed.epoch < _SHORT_EPOCH * self.seconds)
            if not self._measures_epochs:
                self._plan(trainer, pl_module, speed)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._measures_epochs or self._is_planned:
            return
        now, steps = _now(trainer), trainer.global_step
        if self._first_epoch is None:
            self._first_epoch = now, steps
            return
        begin, first_step = self._first_epoch
        if trainer.strategy.broadcast(now - begin >= _WINDOW * self.seconds):
            self._plan(trainer, pl_module, self._speed(trainer, (now - begin) / (steps - first_step), 0.0))

    def _validation(self, trainer: Trainer, step: float) -> float:
        """Estimate the seconds of a validation from its last batch before training, or from a training step."""
        ends = self._validation_batches
        seconds = ends[-1] - ends[-2] if len(ends) > 1 else step / trainer.accumulate_grad_batches
        return seconds * sum(trainer.num_val_batches)

    def _speed(self, trainer: Trainer, step: float, validation: float) -> Speed:
        return Speed(step, validation, int(trainer.num_training_batches), trainer.accumulate_grad_batches)

    def _plan(self, trainer: Trainer, pl_module: LightningModule, speed: Speed) -> None:
        left = self.seconds - (_now(trainer) - self._begin)
        plan = trainer.strategy.broadcast(plan_run(left, trainer.global_step, speed))
        self._is_planned = True
        trainer.fit_loop.max_epochs = plan.max_epochs
        trainer.fit_loop.epoch_loop.max_steps = plan.max_steps
        if plan.val_check_interval is not None:
            trainer.check_val_every_n_epoch = None
            trainer.val_check_interval = trainer.val_check_batch = plan.val_check_interval
        self._on_plan(plan)
        said = text("{minutes:g} minutes are {length}: an epoch takes {epoch:.3g} s.")
        minutes = self.seconds / _PER_MINUTE
        print_line(trainer, said.format(minutes=minutes, length=_length(plan), epoch=speed.epoch))


def _length(plan: TimePlan) -> str:
    if plan.max_epochs > 0:
        return plural("{count} epoch", "{count} epochs", plan.max_epochs)
    steps = plural("{count} step", "{count} steps", plan.max_steps)
    if plan.val_check_interval is None:
        return steps
    return text("{steps}, with a validation every {batches} batches").format(
        steps=steps, batches=plan.val_check_interval
    )


def _now(trainer: Trainer) -> float:
    """The time at which all that was asked of the device is done."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()
