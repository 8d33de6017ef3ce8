"""Settings of the optimizer that a resume has changed, such as another learning rate."""

from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

Settings = list[dict[str, Any]]  # of each group of weights


def settings_of(optimizer: Optimizer) -> Settings:
    """Return the settings of a new optimizer as plain values, before a schedule changes them."""
    return [
        {name: _plain(value) for name, value in group.items() if name != "params"} for group in optimizer.param_groups
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def take_changes(optimizer: Optimizer, scheduler: Any, before: Settings, now: Settings) -> None:
    """Give a restored optimizer the settings that were changed since it was saved; its moments stay.

    A changed learning rate scales the present rate and that of the schedule, which continues at its place.

    Args:
        optimizer: The optimizer, with the restored state.
        scheduler: Its schedule, or None.
        before: The settings of the run that was saved.
        now: The settings of this start.
    """
    for number, (group, old, new) in enumerate(zip(optimizer.param_groups, before, now, strict=True)):
        for name, value in new.items():
            if old.get(name) == value:
                continue
            if name != "lr":
                group[name] = tuple(value) if isinstance(value, list) else value
                continue
            group["lr"] = group["lr"] * value / old["lr"] if old["lr"] else value
            if scheduler is not None:
                group["initial_lr"] = value
                for one in (scheduler, *getattr(scheduler, "_schedulers", ())):  # SequentialLR holds several
                    if hasattr(one, "base_lrs"):
                        one.base_lrs[number] = value


def monitor_of(scheduler: ReduceLROnPlateau) -> str:
    """Return the metric of a plateau schedule: Lightning's class has one, torch's class has none."""
    return str(getattr(scheduler, "monitor", "val/loss"))
