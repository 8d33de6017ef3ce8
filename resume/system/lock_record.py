"""The record of a lock: a small file that tells later starts which process uses the folder."""

import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resume.system.durable_files import write_text
from resume.system.errors import ResumeError, UnreadableError
from resume.system.output import text
from resume.system.pids import start_of
from resume.system.small_files import InvalidJsonError, parse_json, read_text

_MAX_BYTES = 2**14
_LARGEST_PID = 2**32  # of Windows; other systems have fewer


@dataclass(frozen=True)
class Holder:
    """The process that uses a folder, as its record says.

    Attributes:
        started_at: When it took the lock, in UTC.
        process_start: Its `start_of`.
    """

    host: str
    pid: int
    started_at: str
    slurm_job_id: str | None
    process_start: str | None

    def __str__(self) -> str:
        said = text("process {pid} on {host}, started {time}").format(
            pid=self.pid, host=self.host, time=self.started_at
        )
        return f"{said}, SLURM {self.slurm_job_id}" if self.slurm_job_id else said


def record_of_this_process() -> Holder:
    """The record that this process writes."""
    return Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        slurm_job_id=os.environ.get("SLURM_JOB_ID"),
        process_start=start_of(os.getpid()),
    )


def read_record(path: Path) -> Holder | None:
    """Read a record; None if there is none, or if this program did not write the file.

    Raises:
        ResumeError: What has the name of a record cannot be one: a pipe, a device, or something large or deep.
    """
    try:
        values = parse_json(read_text(path, _MAX_BYTES))
    except (OSError, InvalidJsonError):
        return None
    except UnreadableError as error:
        raise ResumeError(
            text(
                "{path}: not the record of a run ({reason}). If no training is running there, remove it, then start."
            ).format(path=path, reason=error)
        ) from error
    return Holder(**values) if _is_record(values) else None


def _is_record(values: Any) -> bool:
    if not isinstance(values, dict) or values.keys() != {one.name for one in fields(Holder)}:
        return False
    texts = {name: values[name] for name in values if name != "pid"}
    may_be_missing = ("slurm_job_id", "process_start")
    has_texts = all(isinstance(said, str) or (said is None and name in may_be_missing) for name, said in texts.items())
    return has_texts and type(values["pid"]) is int and 0 < values["pid"] < _LARGEST_PID


def write_record(path: Path, holder: Holder) -> None:
    """Write or replace a record.

    Raises:
        OSError: The record cannot be written.
    """
    write_text(path, json.dumps(asdict(holder)))


def remove_record(path: Path) -> None:
    """Remove a record, if the system allows it."""
    with contextlib.suppress(OSError):
        path.unlink()
