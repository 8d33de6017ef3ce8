"""A job of SLURM: which one this is, and that it has to be queued again before its time is over."""

import os
from collections.abc import Mapping

from resume.system.output import say, text
from resume.system.ranks import is_first_process
from resume.system.signals import REQUEUE_SIGNAL, hear_no_more


def array_task(environ: Mapping[str, str] = os.environ) -> str | None:
    """The number of this task of an array of jobs; None outside of one."""
    return environ.get("SLURM_ARRAY_TASK_ID")


def job_name(environ: Mapping[str, str] = os.environ) -> str:
    """What `scontrol` knows this job by.

    Of an array, task and array: one task has the array's number for its SLURM_JOB_ID, and by that, all tasks are meant.
    """
    task = array_task(environ)
    return environ["SLURM_JOB_ID"] if task is None else f"{environ['SLURM_ARRAY_JOB_ID']}_{task}"


def requeue(environ: Mapping[str, str] = os.environ) -> int:
    """Have SLURM queue this job again; the first process of a launch asks, and says what became of it.

    Returns:
        The exit code: 0, or where that was refused, what a shell reports of a program that the signal ended, by
        which the job's script can tell.
    """
    hear_no_more()  # SLURM sends SIGTERM to the job that it queues again
    if not is_first_process(environ):
        return 0
    import subprocess  # takes 20 ms, for which the menu would have to wait

    job = job_name(environ)
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)  # noqa: S603, S607
        refusal = (done.stderr.strip() or f"scontrol: {done.returncode}") if done.returncode else None
    except OSError as error:
        refusal = f"scontrol: {error.strerror}"
    if refusal is None:
        say(text("SLURM has queued job {job} again; it goes on from here.").format(job=job))
        return 0
    say(
        text("SLURM does not queue job {job} again ({reason}). Send it once more to go on.").format(
            job=job, reason=refusal
        )
    )
    assert REQUEUE_SIGNAL is not None
    return 128 + REQUEUE_SIGNAL
