"""The end of training because a process that loads data has ended or could not hand over a batch."""

import errno
import re
import signal
import traceback
from typing import ClassVar

from datamodules.loading.workers import HAND_OVER_FAILURES
from resume.system.output import ExplainedError, text

# torch has no class for these errors.
_LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)")
_EXIT_CODE = re.compile(r"exit code (\d+)")
_SIGNAL = re.compile(r"is killed by signal: ([^.]*)")
_IN_WORKER = "in DataLoader worker process"
# A bus error: a page of shared memory for which there was no room.
_HAND_OVER_CODES = {*HAND_OVER_FAILURES, -getattr(signal, "SIGBUS", 0)} - {0}


class LostWorkerError(ExplainedError):
    """A worker cannot load data any more; the message says why, and what to do."""

    exit_code: ClassVar[int] = 1


def lost_worker(error: RuntimeError, num_workers: int | None) -> LostWorkerError | None:
    """The message for an error of torch about a worker; None if the error is another one.

    Args:
        error: What ended training.
        num_workers: The workers of each loader; None: it was a process of `--check_data`, whose number no flag sets.
    """
    said = str(error)
    lost = _LOST.search(said)
    if lost is not None:
        code = _exit_code(error)
        if code in _HAND_OVER_CODES:
            return LostWorkerError(_hand_over_message(code))
        return LostWorkerError(_end_message(lost[1], code, num_workers))
    known = [code for code, words in HAND_OVER_FAILURES.items() if words in said]
    return LostWorkerError(_hand_over_message(known[0])) if known and _IN_WORKER in said else None


def _exit_code(error: RuntimeError) -> int | None:
    """How a worker has ended: its exit code, the negative number of a signal, or None if that is not known."""
    said = str(error)
    if (code := _EXIT_CODE.search(said)) is not None:
        return int(code[1])
    if (name := _SIGNAL.search(said)) is not None:
        return next((-number for number in signal.valid_signals() if signal.strsignal(number) == name[1]), None)
    # torch has only looked whether the worker is alive; its process is in a variable of the function that raised.
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    codes = [worker.exitcode for frame in frames for worker in frame.f_locals.get("failed_workers", [])]
    return codes[0] if codes else None


def _hand_over_message(code: int | None) -> str:
    if code == errno.EMFILE:
        return text(
            "A data worker could not hand over a batch: too many files are open. Raise the limit (ulimit -n 65536), or "
            "let the training process load the data: --data.num_workers 0"
        )
    return text(
        "A data worker could not hand over a batch: shared memory (/dev/shm) is full. Enlarge it (docker run "
        "--shm-size=2g), or let the training process load the data: --data.num_workers 0"
    )


def _end_message(pids: str, code: int | None, num_workers: int | None) -> str:
    if code in (None, -getattr(signal, "SIGKILL", 0)):
        if num_workers is None:
            return text(
                "A process that reads the data ({pid}) was killed. Most often the system does that when memory runs "
                "out: let the program itself read them (--data.num_workers 0), or give the job more memory."
            ).format(pid=pids)
        return text(
            "A data worker (process {pid}) was killed. Most often the system does that when memory runs out: use fewer "
            "workers (--data.num_workers, now {count}), a smaller --batch_size, or give the job more memory."
        ).format(pid=pids, count=num_workers)
    assert code is not None
    how = signal.Signals(-code).name if code < 0 else text("exit code {code}").format(code=code)
    return text(
        "A data worker (process {pid}) has ended ({how}). To see the error itself, let the training process load the "
        "data: --data.num_workers 0"
    ).format(pid=pids, how=how)
