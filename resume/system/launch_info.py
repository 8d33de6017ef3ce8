"""What started this process: a shell, a launcher of several processes, or a scheduler."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# Each is 0 in the process that acts for its whole launch. torchrun, SLURM, mpirun and Lightning set different ones.
_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
# Set in each process of a launch by torchrun and Lightning, or by hand for a launch on several machines.
_LAUNCHERS = ("LOCAL_RANK", "RANK", "GROUP_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID")
# How often torchrun or SLURM has restarted the same job.
_WORKER_RESTARTS = "TORCHELASTIC_RESTART_COUNT"
_RESTARTS = (_WORKER_RESTARTS, "SLURM_RESTART_COUNT")
_NO_RUN_ID = "none"  # what torchrun sets without --rdzv-id


class Job(NamedTuple):
    """A scheduler's job, as a checkpoint records it.

    Attributes:
        name: The same in all starts of the job and in all of its processes.
        restarts: How often the job had been restarted.
        ckpt_path: The checkpoint that the command line names; one job may run several commands.
    """

    name: str
    restarts: int
    ckpt_path: str | None

    def is_continued_by(self, later: "Job") -> bool:
        """Whether `later` is the same command in a later start of the same job."""
        return self._replace(restarts=later.restarts) == later and self.restarts < later.restarts


@dataclass(frozen=True)
class Launch:
    """How this process was started. The default is one process, started from a shell.

    Attributes:
        is_first: Whether this process acts and prints for the whole launch; the others print nothing and touch nothing.
        rank: The number of this process, as far as the launcher says.
        size: How many processes torchrun or mpirun started, and the variable that says so; None: neither did.
        launcher: The variable that shows that this is one of several processes; None: none does.
        tasks: Tasks of the SLURM job or, inside of `srun`, of the job step.
        job_name: What names the scheduler's job in all of its starts; None outside of a job.
        slurm_job_id: SLURM_JOB_ID; None outside of SLURM.
        array_job_id: The number of the job array.
        array_task: The number of this task in the job array; None outside of an array.
        restarts: How often the job has been restarted.
        restart_variable: The variable that says so; None in a job's first start.
        max_restarts: How often torchrun would restart failed workers.
        worker_restarts: How often torchrun has restarted its workers.
        torchruns: How many torchruns, each on a machine, form this launch.
        shares_store: Whether torchrun's workers meet in a store that outlives them.
        refuses_shared_store: Whether torchrun was asked for a store that does not.
        main_address: The host at which the processes of several machines meet; None: not set.
    """

    is_first: bool = True
    rank: int = 0
    size: tuple[int, str] | None = None
    launcher: str | None = None
    tasks: int = 1
    job_name: str | None = None
    slurm_job_id: str | None = None
    array_job_id: str | None = None
    array_task: str | None = None
    restarts: int = 0
    restart_variable: str | None = None
    max_restarts: int = 0
    worker_restarts: int = 0
    torchruns: int = 1
    shares_store: bool = False
    refuses_shared_store: bool = False
    main_address: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Launch":
        """Read the environment of this process."""
        size = next(((_number(environ, name, 1), name) for name in _SIZES if name in environ), None)
        return cls(
            is_first=all(_number(environ, rank, 0) == 0 for rank in _RANKS),
            rank=next((_number(environ, name, 0) for name in _RANKS if name in environ), 0),
            size=size,
            launcher=next(
                (name for name in _LAUNCHERS if name in environ),
                next((name for name in _SIZES if _number(environ, name, 1) > 1), None),
            ),
            # A step of `srun --pty` inside a larger allocation has one task of its own.
            tasks=_number(environ, "SLURM_STEP_NUM_TASKS", _number(environ, "SLURM_NTASKS", 1)),
            job_name=_job_name(environ),
            slurm_job_id=environ.get("SLURM_JOB_ID"),
            array_job_id=environ.get("SLURM_ARRAY_JOB_ID"),
            array_task=environ.get("SLURM_ARRAY_TASK_ID"),
            restarts=max(_number(environ, count, 0) for count in _RESTARTS),
            restart_variable=next((name for name in _RESTARTS if _number(environ, name, 0) > 0), None),
            max_restarts=_number(environ, "TORCHELASTIC_MAX_RESTARTS", 0),
            worker_restarts=_number(environ, _WORKER_RESTARTS, 0),
            torchruns=_number(environ, "GROUP_WORLD_SIZE", 1),
            shares_store=environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
            refuses_shared_store=environ.get("TORCH_DISABLE_SHARE_RDZV_TCP_STORE") == "1",
            main_address=environ.get("MASTER_ADDR"),
        )

    @property
    def in_slurm_job(self) -> bool:
        """Whether SLURM started this process and sends signals to it."""
        return self.slurm_job_id is not None

    @property
    def slurm_job(self) -> str:
        """What `scontrol` knows this job by: of an array, the number of the array and of the task.

        One task of an array has the array's number as its SLURM_JOB_ID; to `scontrol`, that number means all tasks.
        """
        assert self.slurm_job_id is not None
        return self.slurm_job_id if self.array_task is None else f"{self.array_job_id}_{self.array_task}"

    @property
    def process_name(self) -> str:
        """This process in messages: `process 1 on node7`."""
        return f"process {self.rank} on {socket.gethostname()}"

    def job(self, ckpt_path: str | None) -> Job | None:
        """The job that this process belongs to, with the checkpoint that was typed; None outside of a job."""
        return None if self.job_name is None else Job(self.job_name, self.restarts, ckpt_path)


SHELL = Launch()


def _job_name(environ: Mapping[str, str]) -> str | None:
    if "SLURM_JOB_ID" in environ:
        job = Launch(
            slurm_job_id=environ["SLURM_JOB_ID"],
            array_job_id=environ.get("SLURM_ARRAY_JOB_ID"),
            array_task=environ.get("SLURM_ARRAY_TASK_ID"),
        ).slurm_job
        return f"SLURM {environ.get('SLURM_CLUSTER_NAME', '')} {job}"
    run_id = environ.get("TORCHELASTIC_RUN_ID", _NO_RUN_ID)
    return None if run_id == _NO_RUN_ID else f"torchrun {run_id}"


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    """The variable's value if it is a number."""
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else default
