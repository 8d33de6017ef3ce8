"""Ask SLURM to requeue this job, whose time limit is near."""

from resume.system.launch_info import Launch
from resume.system.output import say, text
from resume.system.signals import REQUEUE_SIGNAL, ignore_stop_signals


def requeue(launch: Launch) -> int:
    """Have SLURM requeue this job; the first process of a launch asks SLURM and reports the answer.

    Returns:
        The exit code: 0 or, if SLURM refused, what a shell reports for a program that the signal ended, which the
        job script checks.
    """
    ignore_stop_signals()  # SLURM sends SIGTERM to the job that it requeues
    if not launch.is_first:
        return 0
    import subprocess  # takes 20 ms, for which the menu would have to wait

    job = launch.slurm_job
    try:
        done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)  # noqa: S603, S607
        refusal = (done.stderr.strip() or f"scontrol: {done.returncode}") if done.returncode else None
    except OSError as error:
        refusal = f"scontrol: {error.strerror}"
    if refusal is None:
        say(text("SLURM requeued job {job}; its next start resumes the run.").format(job=job))
        return 0
    say(
        text("SLURM did not requeue job {job} ({reason}). Submit it again to continue.").format(job=job, reason=refusal)
    )
    assert REQUEUE_SIGNAL is not None
    return 128 + REQUEUE_SIGNAL
