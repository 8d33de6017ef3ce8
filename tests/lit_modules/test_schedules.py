import math
import warnings

import pytest
import torch
from torch.optim import SGD

from lit_modules.schedules import warmup_cosine


def rates(total: float, steps: int, start: int = 0) -> list[float]:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    schedule = warmup_cosine(optimizer, total)
    if start:
        schedule.last_epoch = start - 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule.step()
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_the_rate_increases_to_that_of_the_optimizer_and_decreases_to_zero() -> None:
    seen = rates(100, 101)
    assert seen[:6] == pytest.approx([2 * n / 6 for n in range(1, 7)])
    assert seen[5:] == sorted(seen[5:], reverse=True)
    assert seen[100] == 0


def test_the_rate_depends_on_the_step_only() -> None:
    assert rates(50, 50)[20:] == rates(50, 30, start=20)


def test_in_a_run_without_end_the_rate_does_not_decrease() -> None:
    assert rates(math.inf, 300)[200:] == [2.0] * 100


@pytest.mark.parametrize("total", [1, 2])
def test_in_a_run_of_one_or_two_steps_the_first_rate_is_not_zero(total: int) -> None:
    assert rates(total, 1) == [2.0]


def test_after_the_end_the_rate_stays_at_zero() -> None:
    assert rates(10, 15)[10:] == [0.0] * 5


def test_the_length_of_the_run_is_not_in_the_state() -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    assert warmup_cosine(optimizer, 100).state_dict()["lr_lambdas"] == [None]
