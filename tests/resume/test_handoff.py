import os
from dataclasses import replace
from pathlib import Path

import pytest

from resume import Decision, Fresh, Resume, StartOver, choose, read_arguments
from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.configuration import run_settings
from resume.handoff import found_handed_on, hand_on
from resume.plan import plan_resume
from resume.system.launch_info import Launch
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESUME_DECISION", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return checkpoint_folders.fill(Path("checkpoints"))


def by_another_process(decision: Decision, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand a decision on and carry it out, then be a process that was started for it."""
    hand_on(decision, {"channels": 1})
    carry_out(decision)
    monkeypatch.setenv("LOCAL_RANK", "1")
    other = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: other)


def test_a_further_rank_resumes_what_was_chosen_in_the_menu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = plan_resume(describe(folder / "best_model.pth"), folder)
    by_another_process(decision, monkeypatch)
    arguments = read_arguments([], Launch.from_environment())
    further = choose(arguments)
    assert isinstance(further, Resume)
    assert (further.path, further.checkpoint_dir) == (decision.path, decision.checkpoint_dir)
    assert further.archive is None
    assert arguments.for_lightning(further, ["a"]) == arguments.for_lightning(decision, ["a"])
    assert run_settings(further).file == run_settings(decision).file


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_further_rank_trusts_what_a_person_has_trusted(
    is_trusted: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = plan_resume(describe(folder / "best_model.pth"), folder)
    by_another_process(replace(decision, is_trusted=is_trusted), monkeypatch)
    further = choose(read_arguments([], Launch.from_environment()))
    assert isinstance(further, Resume)
    assert further.is_trusted is is_trusted


def test_a_further_rank_takes_what_was_found_in_the_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_handed_on(Launch.from_environment()) is None
    by_another_process(plan_resume(describe(folder / "best_model.pth"), folder), monkeypatch)
    assert found_handed_on(Launch.from_environment()) == {"channels": 1}


def test_a_further_rank_starts_over_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_another_process(StartOver(folder, stamps(folder, read_catalog(folder).owned)), monkeypatch)
    assert choose(read_arguments(["--ckpt_path=auto"], Launch.from_environment())) == Fresh(folder)


def test_a_further_rank_of_torchrun_decides_by_the_flags(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    decision = choose(read_arguments(["--ckpt_path=best"], Launch.from_environment()))
    assert isinstance(decision, Resume)
    assert decision.path == folder / "best_model.pth"


def test_a_first_process_does_not_take_over_an_old_decision(folder: Path) -> None:
    hand_on(plan_resume(describe(folder / "best_model.pth"), folder), {})
    decision = choose(read_arguments(["--no_interactive"], Launch.from_environment()))
    assert isinstance(decision, Fresh)
    assert decision.archive is not None
