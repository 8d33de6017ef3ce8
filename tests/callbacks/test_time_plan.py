import pytest

from callbacks.time_plan import VALIDATIONS, Speed, TimePlan, plan_run


def seconds_of(plan: TimePlan, speed: Speed, steps_done: int) -> float:
    """What the rest of a planned run takes, at the measured speed."""
    if plan.max_epochs > 0:
        return (plan.max_epochs - steps_done / speed.steps) * speed.epoch
    if plan.val_check_interval is None:
        validations = plan.max_steps // speed.steps - steps_done // speed.steps + (plan.max_steps % speed.steps > 0)
    else:
        validations = plan.max_steps * speed.accumulated // plan.val_check_interval
    return (plan.max_steps - steps_done) * speed.step + validations * speed.validation


@pytest.mark.parametrize("minutes", [1, 5, 60])
@pytest.mark.parametrize(
    "speed",
    [
        Speed(step=0.01, validation=0.5, batches=40, accumulated=1),
        Speed(step=0.5, validation=2.0, batches=21, accumulated=1),
        Speed(step=0.1, validation=5.0, batches=500, accumulated=1),
        Speed(step=0.4, validation=1.0, batches=8000, accumulated=4),
        Speed(step=0.2, validation=0.1, batches=33, accumulated=4),
    ],
    ids=["short epochs", "few steps", "long epochs", "very long epochs", "accumulation"],
)
def test_a_plan_fills_the_budget_to_five_percent_with_at_least_three_validations(minutes: int, speed: Speed) -> None:
    plan = plan_run(60.0 * minutes, 20, speed)
    assert seconds_of(plan, speed, 20) == pytest.approx(60 * minutes, rel=0.05)
    if plan.val_check_interval is None:
        assert max(plan.max_epochs, plan.max_steps / speed.steps) >= VALIDATIONS
    else:
        assert plan.max_steps * speed.accumulated == VALIDATIONS * plan.val_check_interval


def test_whole_epochs_are_planned_where_many_fit() -> None:
    speed = Speed(step=0.1, validation=1.0, batches=10, accumulated=1)
    assert plan_run(100.0, 20, speed) == TimePlan(max_epochs=52)


def test_a_budget_that_is_used_up_gets_three_validations_and_ends_soon_after() -> None:
    plan = plan_run(-5.0, 20, Speed(step=1.0, validation=3.0, batches=100, accumulated=1))
    assert plan == TimePlan(max_steps=21, val_check_interval=7)


def test_where_accumulated_batches_do_not_fill_an_epoch_no_validation_falls_within_a_step() -> None:
    plan = plan_run(60.0, 20, Speed(step=1.0, validation=3.0, batches=101, accumulated=2))
    assert plan.val_check_interval is None
