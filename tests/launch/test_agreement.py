from pathlib import Path
from typing import Any

import pytest

from launch.agreement import (
    outline,
    refuse_disagreement,
    refuse_other_facts,
    refuse_other_pairs,
    refuse_other_size,
    refuse_unknown_machines,
)
from resume import ResumeError, StartOver
from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.plan import plan_fresh, plan_resume
from resume.system.launch_info import SHELL, Launch
from tests.helpers import checkpoint_folders


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint_folders.fill(Path("checkpoints"))


def test_the_same_look_at_the_same_folder_is_agreed_on(folder: Path) -> None:
    planned = [outline(plan_resume(describe(folder / "best_model.pth"), folder)) for _ in range(2)]
    refuse_disagreement([("process 0 on a", planned[0]), ("process 1 on b", planned[1])])


def test_a_process_that_was_told_what_to_do_agrees(folder: Path) -> None:
    planned = outline(StartOver(folder, stamps(folder, read_catalog(folder).owned)))
    refuse_disagreement([("process 0 on a", planned), ("process 1 on a", None)])


def test_a_folder_that_one_machine_does_not_see_is_named(folder: Path, tmp_path: Path) -> None:
    elsewhere = Path("checkpoints_of_b")
    planned = [
        outline(plan_resume(describe(folder / "latest_checkpoint.pth"), folder)),
        outline(plan_fresh(elsewhere, read_catalog(elsewhere))),
    ]
    with pytest.raises(ResumeError) as error:
        refuse_disagreement([("process 0 on a", planned[0]), ("process 1 on b", planned[1])])
    for named in ("process 0 on a would resume checkpoints", "step 30", "process 1 on b would start a new run in"):
        assert named in str(error.value)


def test_a_run_that_only_one_machine_sees_is_noticed_by_a_new_run_too(folder: Path) -> None:
    planned = [outline(plan_fresh(folder, read_catalog(seen))) for seen in (folder, Path("missing"))]
    with pytest.raises(ResumeError, match=r"moving \d+ files"):
        refuse_disagreement([("process 0 on a", planned[0]), ("process 1 on b", planned[1])])


@pytest.mark.parametrize(("variable", "count", "wanted"), [("WORLD_SIZE", "2", 1), ("OMPI_COMM_WORLD_SIZE", "4", 2)])
def test_a_launch_of_another_size_than_the_trainers_is_refused(variable: str, count: str, wanted: int) -> None:
    launch = Launch.from_environment({variable: count})
    with pytest.raises(ResumeError, match=rf"{count} processes were started \({variable}\).*is for {wanted}\."):
        refuse_other_size(wanted, launch)
    refuse_other_size(int(count), launch)
    refuse_other_size(int(count), SHELL)


def test_machines_that_cannot_find_each_other_are_refused() -> None:
    with pytest.raises(ResumeError, match="MASTER_ADDR is not set"):
        refuse_unknown_machines(2, SHELL)
    refuse_unknown_machines(1, SHELL)
    refuse_unknown_machines(2, Launch.from_environment({"MASTER_ADDR": "node1"}))


def test_processes_that_have_found_the_same_in_the_data_agree() -> None:
    found = {"channels": 1, "class_values": [0, 255]}
    refuse_other_facts([("process 0 on a", found), ("process 1 on b", dict(found)), ("process 2 on b", None)])


@pytest.mark.parametrize("other", [{"channels": 3}, {}])
def test_a_process_that_has_found_something_else_in_the_data_is_named(other: dict[str, Any]) -> None:
    with pytest.raises(ResumeError) as error:
        refuse_other_facts([("process 0 on a", {"channels": 1}), ("process 1 on b", other)])
    for named in ("--data.channels", "process 0 on a has found 1", f"process 1 on b has found {other.get('channels')}"):
        assert named in str(error.value)


def test_processes_that_see_different_pairs_are_named() -> None:
    refuse_other_pairs([("process 0 on a", "1f 2c"), ("process 1 on b", "1f 2c"), ("process 2 on b", None)])
    with pytest.raises(ResumeError, match="process 0 on a and process 1 on b find different pairs"):
        refuse_other_pairs([("process 0 on a", "1f 2c"), ("process 1 on b", "1f 3d")])
