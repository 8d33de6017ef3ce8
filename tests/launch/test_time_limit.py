from datetime import timedelta

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Timer

from launch.time_limit import MaxTime, seconds_per_start, without_time_limits


@pytest.mark.parametrize(
    ("max_time", "seconds"),
    [("01:02:03:04", 93784.0), ({"hours": 8, "minutes": 30}, 30600.0), (timedelta(minutes=5), 300.0), (None, None)],
)
def test_the_time_can_be_given_in_each_of_lightnings_forms(max_time: MaxTime, seconds: float | None) -> None:
    assert seconds_per_start(max_time, [Callback(), Timer()]) == seconds


def test_a_timer_of_the_users_counts_as_max_time_and_only_measures() -> None:
    class OwnTimer(Timer):
        pass

    others = [Callback(), OwnTimer(timedelta(seconds=1))]
    callbacks = [Timer(timedelta(seconds=60)), *others]
    assert seconds_per_start(None, callbacks) == 60
    assert seconds_per_start({"seconds": 30}, callbacks) == 30
    timer, *kept = without_time_limits(callbacks)
    assert isinstance(timer, Timer)
    assert timer.time_remaining() is None
    assert kept == others


@pytest.mark.parametrize("max_time", ["1h", "8:00:00", {"apples": 3}, {"hours": -1}, "00:00:00:00"])
def test_a_time_that_is_none_is_refused_with_its_value(max_time: MaxTime) -> None:
    with pytest.raises(ValueError, match=r"trainer\.max_time"):
        seconds_per_start(max_time, [])
