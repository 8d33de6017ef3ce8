"""How long one start may train: `trainer.max_time`, or a `Timer` among the callbacks."""

from collections.abc import Sequence
from datetime import timedelta

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Timer

from resume.system.output import text

MaxTime = str | timedelta | dict[str, int] | None


def seconds_per_start(max_time: MaxTime, callbacks: Sequence[Callback]) -> float | None:
    """The shortest of the given times; None if there is none.

    Args:
        max_time: `DD:HH:MM:SS`, a timedelta, or its arguments.
        callbacks: Those of the configuration; a `Timer` with a duration among them counts as `max_time`.

    Raises:
        ValueError: A time has another form, or is not positive.
    """
    try:
        given = [] if max_time is None else [Timer(duration=max_time)]
    except (MisconfigurationException, TypeError) as error:
        said = text("trainer.max_time is {time!r}; expected days, hours, minutes and seconds as 00:08:30:00.")
        raise ValueError(said.format(time=max_time)) from error
    timers = [*given, *(one for one in callbacks if type(one) is Timer)]
    times = [seconds for timer in timers if (seconds := timer.time_remaining()) is not None]
    if min(times, default=1) <= 0:
        said = text("trainer.max_time (or the duration of a Timer) is {seconds} seconds; expected more than 0.")
        raise ValueError(said.format(seconds=min(times)))
    return min(times, default=None)


def without_time_limits(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks, each `Timer` only measuring.

    Lightning's own stops the run in mid-epoch and counts that epoch as done, and it counts the time of all starts: a
    resumed run would train nothing.
    """
    return [Timer() if type(one) is Timer else one for one in callbacks]
