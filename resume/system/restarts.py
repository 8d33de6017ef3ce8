"""Jobs that a scheduler starts again: which one this is, and whether a checkpoint is of an earlier start of it."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from resume.system.ranks import number
from resume.system.requeue import job_name
from resume.system.signals import in_slurm_job

# Counts of how often torchrun or SLURM has started the same job again.
_RESTARTS = ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT")


class Job(NamedTuple):
    """What a checkpoint tells of the job that saved it.

    Attributes:
        name: What is the same in all starts of the job, and in all of its processes.
        restarts: How often the job had been started again.
        ckpt_path: The checkpoint that its command line names; a job may have several commands.
    """

    name: str
    restarts: int
    ckpt_path: str | None

    def is_continued_by(self, later: "Job") -> bool:
        """Whether `later` is the same command in a later start of the same job."""
        return self._replace(restarts=later.restarts) == later and self.restarts < later.restarts


def restart_variable(environ: Mapping[str, str] = os.environ) -> str | None:
    """The variable by which a scheduler says that this is no first start of its job; None in a first start."""
    return next((variable for variable in _RESTARTS if number(environ, variable, 0) > 0), None)


def job_of(ckpt_path: str | None, environ: Mapping[str, str] = os.environ) -> Job | None:
    """The job that this process belongs to, with the checkpoint that was typed; None outside of one."""
    name = _name(environ)
    return None if name is None else Job(name, max(number(environ, count, 0) for count in _RESTARTS), ckpt_path)


def _name(environ: Mapping[str, str]) -> str | None:
    if in_slurm_job(environ):
        return f"SLURM {environ.get('SLURM_CLUSTER_NAME', '')} {job_name(environ)}"
    run_id = environ.get("TORCHELASTIC_RUN_ID", "none")  # torchrun's word for no --rdzv-id
    return None if run_id == "none" else f"torchrun {run_id}"
