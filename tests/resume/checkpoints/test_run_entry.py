import dataclasses
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from resume.checkpoints.run_entry import DataPaths, ResumedFrom, RunEntry
from resume.system.errors import UnreadableError
from resume.system.launch_info import Job
from tests.helpers.checkpoint_folders import START, entry, facts

FULL = dataclasses.replace(
    entry(3),
    data=DataPaths("数据/images", "Data/gt", "val/images", "val/\udc80"),
    resumed_from=ResumedFrom("c" * 32, "archive/latest_checkpoint.pth", 12),
    job=Job("SLURM  17", 2, "auto"),
    git_commit="d" * 40,
    score=0.1 + 0.2,
)


def test_an_entry_reads_back_as_it_was() -> None:
    assert RunEntry.from_dict(FULL.to_dict()) == FULL
    assert RunEntry.from_dict(entry(3).to_dict()) == entry(3)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_becomes_none(score: float) -> None:
    values = dataclasses.replace(FULL, score=score, best_score=score).to_dict()
    assert (values["score"], values["best_score"]) == (None, None)
    assert RunEntry.from_dict(values).score is None


def test_a_time_of_another_zone_is_read_as_utc() -> None:
    there = START.astimezone(timezone(timedelta(hours=8)))
    assert RunEntry.from_dict(facts(1, saved_at=there.isoformat())).saved_at == START
    assert RunEntry.from_dict(facts(1, saved_at=there.isoformat())).saved_at.tzinfo is UTC


def test_a_score_that_json_wrote_as_an_integer_is_a_float() -> None:
    score = RunEntry.from_dict(facts(1, score=1)).score
    assert (score, type(score)) == (1.0, float)


WRONG: list[dict[str, Any]] = [
    {"trusted": "a.B"},
    {"trusted": [1]},
    {"trusted": ["a"] * 10_001},
    {"signature": None},
    {"signature": "x" * 201},
    {"run_id": 5},
    {"run_id": "x" * 201},
    {"epoch": "3"},
    {"epoch": True},
    {"epoch": -1},
    {"epoch": 1.0},
    {"global_step": None},
    {"global_step": 2**63 + 1},
    {"epoch_done": 1},
    {"max_epochs": -2},
    {"saved_at": "yesterday"},
    {"saved_at": 5},
    {"saved_at": "2026-01-02T03:04:05"},
    {"saved_at": "0001-01-01T00:00:00+14:00"},
    {"saved_at": "9999-12-31T23:59:59-14:00"},
    {"monitor": "x" * 100_000},
    {"monitor": None},
    {"mode": "median"},
    {"score": "0.5"},
    {"score": True},
    {"score": math.nan},
    {"best_score": math.inf},
    {"score": 10**400},
    {"best_epoch": "2"},
    {"best_step": -5},
    {"data": None},
    {"data": ["Data/images"]},
    {"data": {"image_path": "x" * 100_000, "gt_path": None}},
    {"data": {"image_path": 1, "gt_path": None}},
    {"data": {"image_path": None, "gt_path": None, "more": None}},
    {"class_mapping": None},
    {"class_mapping": {"0": "0"}},
    {"versions": {"torch": 2}},
    {"machine": {"device": "x" * 201}},
    {"git_commit": 5},
    {"job": ["name", 1, None]},
    {"job": {"name": "a", "restarts": 1}},
    {"resumed_from": {"run_id": "a", "file": None, "global_step": 1}},
    {"config": None},
]


@pytest.mark.parametrize("change", WRONG, ids=repr)
def test_a_value_of_the_wrong_type_length_or_range_is_refused_by_its_name(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(UnreadableError, match=f"^wrong or missing entry: {name}"):
        RunEntry.from_dict(facts(3, **change))


def test_a_missing_and_an_unknown_entry_are_refused_by_their_names() -> None:
    values = facts(3)
    del values["epoch"]
    with pytest.raises(UnreadableError, match="wrong or missing entry: epoch"):
        RunEntry.from_dict(values)
    with pytest.raises(UnreadableError, match="wrong or missing entry: more"):
        RunEntry.from_dict(facts(3, more=1))
    others: list[object] = [None, [], "run", 5]
    for other in others:
        with pytest.raises(UnreadableError, match="wrong or missing entry: run"):
            RunEntry.from_dict(other)


def test_the_moment_before_any_save_is_no_time_that_can_be_read() -> None:
    with pytest.raises(UnreadableError, match="saved_at"):
        RunEntry.from_dict(RunEntry("a", DataPaths(None, None), "").to_dict())
    assert isinstance(FULL.saved_at, datetime)
