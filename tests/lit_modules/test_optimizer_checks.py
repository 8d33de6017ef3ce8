"""The states of a checkpoint are tried on weights without memory: no optimizer's or schedule's own one is refused."""

from functools import partial
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from launch.loading import _without_memory
from lit_modules import NetworkError, check_restored_optimizer, check_restored_schedule
from tests.helpers.pixelwise import make_module

OPTIMIZERS = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam"]
OPTIMIZERS += ["RAdam", "RMSprop", "Rprop", "SGD"]

# Each with a length of six steps, where it has one.
SCHEDULES: list[Any] = [
    partial(lr_scheduler.ConstantLR, total_iters=6),
    partial(lr_scheduler.CosineAnnealingLR, T_max=6),
    partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=6),
    partial(lr_scheduler.CyclicLR, base_lr=0.1, max_lr=1.0, cycle_momentum=False),
    partial(lr_scheduler.ExponentialLR, gamma=0.9),
    partial(lr_scheduler.LinearLR, total_iters=6),
    partial(lr_scheduler.MultiStepLR, milestones=[2, 4]),
    partial(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=6, cycle_momentum=False),
    partial(lr_scheduler.PolynomialLR, total_iters=6),
    partial(lr_scheduler.ReduceLROnPlateau, patience=1),
    partial(lr_scheduler.StepLR, step_size=2),
    partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: 1 / (1 + step)),
    partial(lr_scheduler.MultiplicativeLR, lr_lambda=lambda _: 0.9),
]


class CountsInATensor(torch.optim.SGD):
    """Keeps a number in a tensor, and asks for it in each step but the first."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                steps = self.state[weight].setdefault("steps", torch.zeros(1))
                if "seen" in self.state[weight]:
                    steps.item()
                self.state[weight]["seen"] = True
        super().step(closure)


@pytest.mark.parametrize("optimizer", [getattr(torch.optim, name) for name in OPTIMIZERS] + [CountsInATensor])
def test_the_state_of_a_run_is_never_refused(optimizer: Any) -> None:
    module = make_module(torch.nn.Conv2d(3, 9, 5))
    module.optimizer = partial(optimizer, lr=0.01)
    trained = module.optimizer(module.parameters())
    for _ in range(7):
        for weight in module.parameters():
            weight.grad = torch.randn_like(weight)
        trained.step(lambda: 1.0)
    check_restored_optimizer(module, _without_memory(trained.state_dict()))


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("steps", [0, 3, 6])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.func.__name__)
def test_the_schedule_of_a_run_is_never_refused_also_at_its_end(schedule: Any, steps: int) -> None:
    module = make_module(torch.nn.Conv2d(3, 9, 5))
    module.optimizer, module.lr_scheduler = partial(torch.optim.AdamW, lr=0.01), schedule
    trained = schedule(module.optimizer(module.parameters()))
    for step in range(steps - 1 if "OneCycle" in str(schedule) else steps):  # it makes the first one itself
        trained.step(*[1.0 * step] if isinstance(trained, lr_scheduler.ReduceLROnPlateau) else [])
    state = trained.state_dict()
    before = repr(state)
    check_restored_schedule(module, state)
    assert repr(state) == before


def test_a_schedule_with_text_in_the_place_of_its_count_is_refused() -> None:
    module = make_module(torch.nn.Conv2d(3, 9, 5))
    module.optimizer, module.lr_scheduler = partial(torch.optim.AdamW, lr=0.01), SCHEDULES[-3]
    state = SCHEDULES[-3](module.optimizer(module.parameters())).state_dict()
    with pytest.raises(NetworkError, match="schedule"):
        check_restored_schedule(module, state | {"last_epoch": "text"})
