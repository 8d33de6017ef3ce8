import pytest

from resume.system.requeue import job_name


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"SLURM_JOB_ID": "7"}, "7"),
        # The last task of array 7: to SLURM, 7 alone would be all of its tasks.
        ({"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}, "7_3"),
    ],
)
def test_a_job_is_queued_again_by_a_name_that_means_no_other(environ: dict[str, str], name: str) -> None:
    assert job_name(environ) == name
