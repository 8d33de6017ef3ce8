"""Who has a folder: a small file beside the lock, for those who come second."""

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

RECORD = ".training_run.json"


@dataclass(frozen=True)
class Holder:
    """The process that has a folder, as it wrote it down.

    Attributes:
        started_at: When it took the folder, in UTC.
        process_start: What `start_of` says of it.
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
    """What this process has to write down."""
    return Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        slurm_job_id=os.environ.get("SLURM_JOB_ID"),
        process_start=start_of(os.getpid()),
    )


def read_record(folder: Path) -> Holder | None:
    """Who wrote the record; None if there is none, or what is there was not written by this program."""
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        holder = Holder(**values)
    except (OSError, ValueError, TypeError):
        return None
    return holder if isinstance(holder.host, str) and isinstance(holder.pid, int) else None


def write_record(folder: Path, holder: Holder) -> None:
    """Write the record, or replace another's.

    Raises:
        OSError: It cannot be written.
    """
    write_text(folder / RECORD, json.dumps(asdict(holder)))


def remove_record(folder: Path) -> None:
    """Remove the record, as far as the system lets it go."""
    with contextlib.suppress(OSError):
        (folder / RECORD).unlink()
