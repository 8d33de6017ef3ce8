"""Jobs that a scheduler starts again: whether this is such a start, and where the job has saved before it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from resume.catalog import read_catalog
from resume.ranks import number
from resume.slurm import job_name
from resume.stopping import in_slurm_job

# Counts of how often torchrun or SLURM has started the same job again.
_RESTARTS = ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT")
_RUN_ID = "TORCHELASTIC_RUN_ID"
_NO_RUN_ID = "none"  # torchrun without --rdzv-id: the same for all of its runs


def restart_variable(environ: Mapping[str, str] = os.environ) -> str | None:
    """The variable by which a scheduler says that this is no first start of its job; None in a first start."""
    return next((variable for variable in _RESTARTS if number(environ, variable, 0) > 0), None)


def job_id(environ: Mapping[str, str] = os.environ) -> str | None:
    """What is the same in all starts of a job, in all of its processes, and in no other job; None where nothing is."""
    if in_slurm_job(environ):
        return f"SLURM {job_name(environ)}"
    run_id = environ.get(_RUN_ID, _NO_RUN_ID)
    return None if run_id == _NO_RUN_ID else f"torchrun {run_id}"


def folder_of_job(folders: Iterable[Path], job: str) -> Path | None:
    """The first of the folders in which the job has saved a checkpoint."""
    for folder in folders:
        if folder.is_dir() and any(found.job == job for found in read_catalog(folder).shown):
            return folder
    return None
