"""The record of a lock: a small file that tells later starts which process uses the folder."""

import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from resume.system.durable_files import write_text
from resume.system.output import text
from resume.system.pids import start_of


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
    """Read a record; None if there is none, or if this program did not write the file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        holder = Holder(**values)
    except (OSError, ValueError, TypeError):
        return None
    return holder if isinstance(holder.host, str) and isinstance(holder.pid, int) else None


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
