"""Checks of the optimizer and the schedule, before training."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from lit_modules.network_checks import NetworkError
from lit_modules.optimizer_settings import monitor_of
from lit_modules.segmentation import Segmentation
from resume.system.output import brief, one_line, text

_OF_TYPES = (ArithmeticError, AttributeError, LookupError, TypeError)


def check_optimizer(module: Segmentation) -> None:
    """Make the optimizer and the schedule once, on copies of the weights, to check their settings.

    Raises:
        ValueError, TypeError: The optimizer or the schedule refuses its settings.
        NetworkError: The schedule monitors a metric that does not exist, or must count epochs but counts steps.
    """
    weights = [nn.Parameter(weight.detach().clone()) for weight in module.parameters() if weight.requires_grad]
    optimizer = module.optimizer(weights)
    if module.lr_scheduler is None:
        return
    scheduler = module.lr_scheduler(optimizer)
    if not isinstance(scheduler, ReduceLROnPlateau):
        return
    if module.lr_scheduler_interval == "step":
        raise NetworkError(text("ReduceLROnPlateau counts epochs. Set --model.lr_scheduler_interval epoch."))
    monitor = monitor_of(scheduler)
    if monitor not in module.SCORES:
        message = text("ReduceLROnPlateau monitors {monitor!r}; expected one of: {metrics}.")
        raise NetworkError(message.format(monitor=monitor, metrics=", ".join(module.SCORES)))


def schedule_length(module: Segmentation) -> int | None:
    """Return after how many steps or epochs the schedule ends, as OneCycleLR does; None if it does not end."""
    if module.lr_scheduler is None:
        return None
    scheduler = module.lr_scheduler(module.optimizer([nn.Parameter(torch.zeros(1))]))
    length: int | None = getattr(scheduler, "total_steps", None)
    return length


def check_changed_optimizer(module: Segmentation, before: dict[str, Any]) -> None:
    """Check that the optimizer of a run can continue with other settings.

    Args:
        module: Makes the optimizer with the new settings.
        before: The settings that were changed, with their old values.

    Raises:
        NetworkError: It cannot, or the settings would have no effect.
    """
    try:
        _step_with_both(module, before)
    except Exception as error:  # an optimizer can fail in any way
        message = text("{names}: cannot be changed at a resume ({reason}). Use the run's setting.")
        names = ", ".join(f"--model.optimizer.{name}" for name in before)
        raise NetworkError(message.format(names=names, reason=f"{type(error).__name__}: {error}")) from error


def check_restored_optimizer(module: Segmentation, state: dict[str, Any]) -> None:
    """Take a step with the state of a checkpoint, with weights that have no memory.

    An optimizer that can make no such step even with a state of its own is left to training.

    Args:
        module: Makes the optimizer.
        state: Of an optimizer; its tensors need no memory either, but for small ones.

    Raises:
        NetworkError: The state is not one of this optimizer and this network.
    """
    try:
        new = _optimizer_without_memory(module)
        new.step()
        _step_with(module, new.state_dict())
    except Exception:  # noqa: BLE001 - an optimizer can fail in any way
        return
    try:
        _step_with(module, state)
    except Exception as error:
        if "meta tensor" in str(error):  # the number that it asks for is not there, which says nothing of the state
            return
        message = text("the state of its optimizer cannot be used ({reason})")
        raise NetworkError(message.format(reason=one_line(brief(error)))) from error


def check_restored_schedule(module: Segmentation, state: dict[str, Any]) -> None:
    """Take a step of the schedule with the state of a checkpoint, for a small weight.

    A schedule that can make no such step even with a state of its own is left to training.

    Args:
        module: Makes the optimizer and the schedule.
        state: Of a schedule.

    Raises:
        NetworkError: The state is not one of this schedule.
    """
    try:
        own = _schedule(module)
        own.load_state_dict(deepcopy(own.state_dict()))
        _step(own)
        restored = _schedule(module)
    except Exception:  # noqa: BLE001 - a schedule can fail in any way
        return
    message = text("the state of its schedule cannot be used ({reason})")
    try:
        restored.load_state_dict(deepcopy(state))
    except Exception as error:
        raise NetworkError(message.format(reason=one_line(brief(error)))) from error
    try:
        _step(restored)
    except _OF_TYPES as error:  # others tell of the end of the schedule, at which a run may well have been saved
        raise NetworkError(message.format(reason=one_line(brief(error)))) from error


def _schedule(module: Segmentation) -> LRScheduler | ReduceLROnPlateau:
    optimizer = module.optimizer([nn.Parameter(torch.zeros(2, 2))])
    return (module.lr_scheduler or _constant)(optimizer)


def _step(scheduler: LRScheduler | ReduceLROnPlateau) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer has made no step
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(0.0)
        else:
            scheduler.step()


def _constant(optimizer: Optimizer) -> LambdaLR:
    """In place of the default schedule, which needs a trainer: a LambdaLR too, whose function is not in its state."""
    return LambdaLR(optimizer, lambda _: 1.0)


def _step_with(module: Segmentation, state: dict[str, Any]) -> None:
    optimizer = _optimizer_without_memory(module)
    optimizer.load_state_dict(state)
    optimizer.step()


def _optimizer_without_memory(module: Segmentation) -> Optimizer:
    weights = [nn.Parameter(torch.empty_like(one, device="meta")) for one in module.parameters() if one.requires_grad]
    for weight in weights:
        weight.grad = torch.empty_like(weight)
    return module.optimizer(weights)


def _step_with_both(module: Segmentation, before: dict[str, Any]) -> None:
    """Take a step with the old settings and one with the new ones, on a small weight.

    Raises:
        KeyError: The optimizer does not keep a setting in the group of its weights, so a change has no effect.
    """
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = module.optimizer([weight])
    (group,) = optimizer.param_groups
    new = {name: group[name] for name in before}
    weight.grad = torch.ones_like(weight)
    group.update({name: tuple(value) if isinstance(value, list) else value for name, value in before.items()})
    optimizer.step()
    group.update(new)
    optimizer.step()


def states_after_a_step(module: Segmentation) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make optimizer and schedule for a small weight, and take a step; what they would save, each with its name.

    An optimizer that cannot do that with such a weight, or that needs a closure, is seen without its step.
    """
    weight = nn.Parameter(torch.zeros(2, 2))
    try:
        optimizer = module.optimizer([weight])
    except Exception:  # noqa: BLE001 - an optimizer can fail in any way; with the real weights, `check_optimizer` tried it
        return
    with suppress(Exception):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
    yield f"{type(optimizer).__name__}: state_dict()", optimizer.state_dict()
    if module.lr_scheduler is not None:
        scheduler = module.lr_scheduler(optimizer)
        yield f"{type(scheduler).__name__}: state_dict()", scheduler.state_dict()


def expected_optimizer_state(module: Segmentation) -> dict[str, Any]:
    """Return the state that the optimizer has for all weights, whose values mean nothing.

    Most optimizers take a step with tensors that have no memory. Others get zeros; of one that refuses these too, the
    state is taken to be two values for each weight.
    """
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for device in ("meta", "cpu"):
        weights = [nn.Parameter(torch.zeros_like(weight, device=device)) for weight in trained]
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        with suppress(Exception):  # an optimizer can fail in any way
            optimizer = module.optimizer(weights)
            optimizer.step(lambda: 0.0)
            return optimizer.state_dict()
    return {str(number): [torch.zeros_like(one, device="meta") for _ in "ab"] for number, one in enumerate(trained)}
