from pathlib import Path
from typing import Any

import pytest

from launch.each_point_once import EachPointOnce


class Log:
    """Starts of a run that log to one place."""

    def __init__(self, folder: Path, *, takes_back: bool) -> None:
        self.note = folder / "note.json"
        self.copies = folder / "copies.jsonl"
        self.takes_back = takes_back
        self.points: list[tuple[int | None, list[str]]] = []

    def start(self, step: int) -> EachPointOnce:
        return EachPointOnce(self._log, self.note, step, takes_back=self.takes_back, copies=self.copies)

    def _log(self, metrics: dict[str, Any], step: int | None) -> None:
        self.points.append((step, sorted(metrics)))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path, takes_back=False)


def test_points_are_held_back_until_the_last_logged_step_is_passed(log: Log) -> None:
    first = log.start(0)
    for step in range(4):
        first({"loss": 1, "epoch": 0}, step)
    second = log.start(2)
    assert second.held_back_until == 3
    for step in range(2, 6):
        second({"loss": 1, "epoch": 0}, step)
    assert [step for step, _ in log.points] == [0, 1, 2, 3, 4, 5]
    assert log.start(6).held_back_until is None
    assert log.start(6).count == 6


def test_what_was_not_logged_yet_of_the_last_step_is_logged(log: Log) -> None:
    log.start(0)({"loss": 1, "epoch": 0}, 3)
    log.start(2)({"loss": 1, "score": 1, "epoch": 0}, 3)
    assert log.points == [(3, ["epoch", "loss"]), (3, ["epoch", "score"])]


def test_a_log_that_was_taken_back_gets_the_points_again(tmp_path: Path) -> None:
    log = Log(tmp_path, takes_back=True)
    for step in (0, 1, 2, 3):
        log.start(0)({"loss": 1}, step)
    again = log.start(2)
    for step in (2, 3, 4):
        again({"loss": 1}, step)
    assert [step for step, _ in log.points] == [0, 1, 2, 3, 2, 3, 4]
    assert again.held_back_until is None


def test_a_validation_of_the_step_before_the_resumed_one_is_logged_by_the_first_start_that_ends_it(
    tmp_path: Path,
) -> None:
    log = Log(tmp_path, takes_back=True)
    log.start(0)({"loss": 1}, 3)
    for _ in range(3):  # each is killed later, and the next one resumes at the same step
        start = log.start(4)
        start({"score": 1}, 3)
        for step in (4, 5):
            start({"loss": 1}, step)
    assert [names for step, names in log.points if step == 3] == [["loss"], ["score"]]


def test_a_call_without_a_step_passes(log: Log) -> None:
    log.start(0)({"loss": 1}, 3)
    log.start(2)({"note": 1})
    assert log.points[-1] == (None, ["note"])


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"step": "x"}', b"\xff"])
def test_a_damaged_note_is_none(log: Log, damage: bytes) -> None:
    log.note.write_bytes(damage)
    log.start(0)({"loss": 1}, 0)
    assert log.points == [(0, ["loss"])]


def test_the_rest_of_a_longer_note_is_not_read(log: Log) -> None:
    log.start(0)({"loss": 1}, 0)
    log.note.write_bytes(log.note.read_bytes() + b'"], "late": {}}')
    assert log.start(1).count == 1


def test_what_a_killed_process_had_lost_is_logged_once_more(log: Log) -> None:
    start = log.start(0)
    for step in range(4):
        start({"loss": step / 2}, step)
    with log.copies.open("a", encoding="utf-8") as file:
        file.write('{"count": 4, "st')
    log.points.clear()
    log.start(2).repeat(2)
    assert log.points == [(2, ["loss"]), (3, ["loss"])]
