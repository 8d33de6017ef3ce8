import socket

import pytest

from resume.system.launch_info import SHELL, Job, Launch


def test_an_empty_environment_is_one_process_started_from_a_shell() -> None:
    assert Launch.from_environment({}) == SHELL


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0", "SLURM_PROCID": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"SLURM_PROCID": "3"}, False),
        ({"RANK": ""}, True),
    ],
)
def test_only_the_first_process_of_a_launch_acts(environ: dict[str, str], expected: bool) -> None:
    assert Launch.from_environment(environ).is_first is expected


def test_a_process_is_named_by_its_rank_and_host() -> None:
    assert (
        Launch.from_environment({"RANK": "3", "LOCAL_RANK": "1"}).process_name == f"process 3 on {socket.gethostname()}"
    )


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, None),
        ({"TORCHELASTIC_RUN_ID": "none"}, None),
        ({"TORCHELASTIC_RUN_ID": "4f2c"}, "torchrun 4f2c"),
        ({"SLURM_JOB_ID": "7", "SLURM_CLUSTER_NAME": "hall", "TORCHELASTIC_RUN_ID": "4f2c"}, "SLURM hall 7"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}, "SLURM  7_2"),
    ],
)
def test_the_name_of_a_job_is_the_same_in_all_its_starts(environ: dict[str, str], name: str | None) -> None:
    job = Launch.from_environment(environ).job("best")
    assert job == (None if name is None else Job(name, 0, "best"))


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"SLURM_JOB_ID": "7"}, "7"),
        # The last task of array 7: to scontrol, 7 alone would mean all of its tasks.
        ({"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}, "7_3"),
    ],
)
def test_a_job_is_requeued_by_a_name_that_means_no_other(environ: dict[str, str], name: str) -> None:
    assert Launch.from_environment(environ).slurm_job == name


@pytest.mark.parametrize("variable", ["TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"])
def test_a_restarted_job_is_recognised_by_its_count(variable: str) -> None:
    assert Launch.from_environment({variable: "0"}).restart_variable is None
    restarted = Launch.from_environment({variable: "2"})
    assert (restarted.restart_variable, restarted.restarts) == (variable, 2)
