"""The state of a checkpoint is tried on weights without memory: no optimizer's own state is refused there."""

from functools import partial
from typing import Any

import pytest
import torch

from launch.loading import _without_memory
from lit_modules import check_restored_optimizer
from tests.helpers.pixelwise import make_module

OPTIMIZERS = ["ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam"]
OPTIMIZERS += ["RAdam", "RMSprop", "Rprop", "SGD"]


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
