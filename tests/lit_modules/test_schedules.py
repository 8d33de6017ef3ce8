from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lightning.pytorch import Trainer

from lit_modules.schedules import ProgressSchedule, progress_of, warmup_cosine


@dataclass
class Counts:
    """What the schedule reads of a trainer."""

    max_epochs: int | None = 10
    max_steps: int = -1
    epoch: int = 0
    batch: int = 0
    num_training_batches: float = 8
    global_step: int = 0
    fit_loop: Any = field(init=False)

    def __post_init__(self) -> None:
        epochs = SimpleNamespace(processed=self.epoch, started=self.epoch + (self.batch > 0))
        batches = SimpleNamespace(current=SimpleNamespace(processed=self.batch))
        self.fit_loop = SimpleNamespace(
            epoch_progress=SimpleNamespace(current=epochs), epoch_loop=SimpleNamespace(batch_progress=batches)
        )


def at(**counts: Any) -> Trainer:
    return cast("Trainer", Counts(**counts))


def resumed(before: Trainer, now: Trainer) -> ProgressSchedule:
    schedule = ProgressSchedule(now)
    schedule.resume(ProgressSchedule(before).state_dict())
    return schedule


def test_the_curve_rises_over_a_twentieth_of_the_run_and_falls_to_zero() -> None:
    assert warmup_cosine(0.0) == pytest.approx(0.05)
    assert warmup_cosine(0.05) == 1
    assert warmup_cosine(0.525) == pytest.approx(0.5)
    assert warmup_cosine(1.0) == 0


@pytest.mark.parametrize(
    ("counts", "progress"),
    [
        ({}, 0.0),
        ({"epoch": 3, "batch": 2}, 0.325),
        ({"epoch": 4, "batch": 8}, 0.5),  # in the last step of the fifth epoch
        ({"epoch": 10}, 1.0),
        ({"epoch": 3, "max_epochs": -1, "max_steps": 100, "global_step": 25}, 0.25),
        ({"epoch": 3, "max_steps": 40, "global_step": 30}, 0.75),  # the steps end this run first
        ({"epoch": 3, "batch": 2, "num_training_batches": float("inf")}, 0.3),
    ],
)
def test_progress_counts_epochs_and_their_fraction_or_steps(counts: dict[str, Any], progress: float) -> None:
    assert progress_of(at(**counts)) == pytest.approx(progress)


def test_a_run_without_end_has_no_progress_and_keeps_its_rate_after_a_short_rise() -> None:
    endless = {"max_epochs": -1, "max_steps": -1}
    assert progress_of(at(**endless)) is None
    assert ProgressSchedule(at(**endless)).factor() < 0.01
    assert ProgressSchedule(at(**endless, global_step=1000)).factor() == 1


@pytest.mark.parametrize(
    "unit",
    [
        {"batch": 4, "num_training_batches": 16},  # half the batch size
        {"batch": 1, "num_training_batches": 4},  # twice the devices
        {"batch": 3, "num_training_batches": 12, "global_step": 999},  # more pairs
    ],
)
def test_the_rate_does_not_depend_on_the_number_of_steps_in_an_epoch(unit: dict[str, Any]) -> None:
    before = at(epoch=6, batch=2)
    assert resumed(before, at(epoch=6, **unit)).factor() == ProgressSchedule(before).factor()


def test_in_an_extended_run_the_rate_rises_in_a_straight_line_over_a_twentieth_of_the_added_epochs() -> None:
    before = at(epoch=8)
    extended = resumed(before, at(epoch=8, max_epochs=30)).state_dict()
    present, reached = warmup_cosine(0.8), warmup_cosine(9 / 30)
    for counts, rate in (
        ({"epoch": 8}, present),
        ({"epoch": 8, "batch": 4}, (present + reached) / 2),
        ({"epoch": 9}, reached),
        ({"epoch": 15}, warmup_cosine(0.5)),
    ):
        schedule = ProgressSchedule(at(**counts, max_epochs=30))
        assert not schedule.resume(extended)
        assert schedule.factor() == pytest.approx(rate)


def test_a_finished_run_that_is_extended_twice_rises_from_where_it_was_each_time() -> None:
    first = resumed(at(epoch=10), at(epoch=10, max_epochs=50))
    assert first.factor() == 0
    within_the_rise = ProgressSchedule(at(epoch=11, max_epochs=50))
    within_the_rise.resume(first.state_dict())
    second = ProgressSchedule(at(epoch=11, max_epochs=90))
    assert second.resume(within_the_rise.state_dict())
    assert second.factor() == within_the_rise.factor() == pytest.approx(warmup_cosine(12 / 50) / 2)


def test_in_a_shortened_run_the_rate_falls_to_the_shorter_curve_over_a_twentieth_of_the_rest() -> None:
    shortened = resumed(at(epoch=4), at(epoch=4, max_epochs=5))
    assert shortened.factor() == warmup_cosine(0.4)
    assert shortened.outlook()[1] == warmup_cosine(0.4)
    assert 0 < shortened.outlook()[2] < 0.01


def test_the_outlook_names_the_present_the_highest_and_the_last_rate() -> None:
    now, highest, last = resumed(at(epoch=10), at(epoch=10, max_epochs=20)).outlook()
    assert now == 0
    assert highest == pytest.approx(warmup_cosine(10.5 / 20))
    assert last == pytest.approx(warmup_cosine(1 - 1 / 160))
