import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from resume import ResumeError
from resume.run_files import LOCK, LOCK_RECORD
from resume.system import lock
from resume.system.lock import FolderLock, who_uses
from resume.system.lock_record import read_record

ROOT = Path(__file__).parents[3]
# A process that takes the lock, says so, and has it until its input ends or it is killed.
HOLD = """
import sys
from pathlib import Path
from resume.system.lock import FolderLock
with FolderLock(Path(sys.argv[1])) as lock:
    lock.take()
    print("taken", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_JOB_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(lock, "PATIENCE", 0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def take(folder: Path, *, break_lock: bool = False) -> None:
    """Take the lock and give it back."""
    with FolderLock(folder / LOCK, break_lock=break_lock) as folder_lock:
        folder_lock.take()


def write_record(folder: Path, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    values = {"host": socket.gethostname(), "pid": 2**22 + 1, "started_at": "2026-03-01 12:00:00 UTC"}
    path = folder / LOCK_RECORD
    path.write_text(json.dumps({**values, "slurm_job_id": None, "process_start": "1", **changes}), encoding="utf-8")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def without_system_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)


def test_the_second_comer_learns_who_has_the_folder(folder: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(ResumeError) as raised:
        take(folder)
    said = str(raised.value)
    assert f"{folder} is in use by process {holder.pid} on {socket.gethostname()}, started 20" in said
    assert "UTC. Nothing was changed." in said
    assert who_uses(folder / LOCK) is not None


def test_the_lock_of_a_living_process_cannot_be_broken(folder: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(ResumeError, match=r"--break_lock does not break the lock of a process that is alive"):
        take(folder, break_lock=True)


def test_two_runs_in_one_process_exclude_each_other_too(folder: Path) -> None:
    with FolderLock(folder / LOCK) as first:
        first.take()
        with pytest.raises(ResumeError, match=rf"process {os.getpid()} "):
            take(folder)
    take(folder)


def test_a_killed_process_is_no_obstacle(folder: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert LOCK_RECORD in names(folder)
    assert who_uses(folder / LOCK) is None
    take(folder)


def test_a_clean_end_leaves_no_trace(folder: Path, holder: subprocess.Popen[str]) -> None:
    assert names(folder) == {LOCK, LOCK_RECORD}
    holder.communicate()
    assert names(folder) == set()


def test_the_record_says_host_process_start_and_job(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with FolderLock(folder / LOCK) as folder_lock:
        folder_lock.take()
        record = json.loads((folder / LOCK_RECORD).read_text(encoding="utf-8"))
    assert (record["host"], record["pid"], record["slurm_job_id"]) == (socket.gethostname(), os.getpid(), "4711")
    assert record["started_at"].endswith(" UTC")


def test_a_look_creates_nothing(folder: Path) -> None:
    assert who_uses(folder / LOCK) is None
    assert not folder.exists()
    folder.mkdir()
    assert who_uses(folder / LOCK) is None
    assert names(folder) == set()


def test_a_lock_that_is_not_taken_creates_nothing(folder: Path) -> None:
    with FolderLock(folder / LOCK):
        pass
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_that_outlives_its_killed_parent_does_not_hold_the_lock(folder: Path) -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        folder_lock = FolderLock(folder / LOCK)
        folder_lock.take()
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        os.write(writer, child.to_bytes(8, "big"))
        signal.pause()
    child = int.from_bytes(os.read(reader, 8), "big")
    os.close(reader)
    os.close(writer)
    try:
        assert who_uses(folder / LOCK) is not None
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        os.kill(child, 0)  # it is there
        take(folder)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_that_ends_does_not_end_the_lock_of_its_parent(folder: Path) -> None:
    with FolderLock(folder / LOCK) as folder_lock:
        folder_lock.take()
        child = os.fork()
        if child == 0:
            folder_lock.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        assert names(folder) == {LOCK, LOCK_RECORD}
        with pytest.raises(ResumeError):
            take(folder)


def test_another_hosts_record_is_an_obstacle_until_it_is_broken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = write_record(folder, host="node7", slurm_job_id="12")
    before = record.read_bytes()
    with pytest.raises(ResumeError, match=r"on node7, started 2026-03-01 12:00:00 UTC, SLURM 12\. .*--break_lock"):
        take(folder)
    assert record.read_bytes() == before
    take(folder, break_lock=True)
    assert "Ignored because of --break_lock: process" in capsys.readouterr().out
    assert names(folder) == set()


def test_the_record_of_a_job_that_was_queued_again_is_no_obstacle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(folder, host="node7", slurm_job_id="12")
    monkeypatch.setenv("SLURM_JOB_ID", "13")
    assert who_uses(folder / LOCK) is not None
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert who_uses(folder / LOCK) is None
    take(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"host": 3}'])
def test_a_record_that_this_program_did_not_write_is_no_obstacle(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / LOCK_RECORD).write_text(content, encoding="utf-8")
    assert who_uses(folder / LOCK) is None
    take(folder)


def test_without_locks_of_the_system_the_record_of_a_living_process_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, holder: subprocess.Popen[str]
) -> None:
    without_system_locks(monkeypatch)
    with pytest.raises(ResumeError, match=rf"process {holder.pid} "):
        take(folder, break_lock=True)
    holder.kill()
    holder.wait()
    assert who_uses(folder / LOCK) is None
    take(folder)
    assert names(folder) == set()


def test_without_locks_of_the_system_a_later_process_of_the_same_number_is_no_obstacle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_system_locks(monkeypatch)
    write_record(folder, pid=os.getppid(), process_start="before the last start of this machine")
    assert who_uses(folder / LOCK) is None


def test_without_locks_of_the_system_who_comes_between_look_and_record_wins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_system_locks(monkeypatch)

    def come_between(use: object, *_: object, **__: object) -> None:
        monkeypatch.undo()
        without_system_locks(monkeypatch)
        write_record(folder, host="node7")

    monkeypatch.setattr(lock, "_refuse", come_between)
    with pytest.raises(ResumeError, match="node7"):
        take(folder)
    record = read_record(folder / LOCK_RECORD)
    assert record is not None
    assert record.host == "node7"


def test_a_run_that_just_ends_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FolderLock(folder / LOCK)
    first.take()
    monkeypatch.setattr(lock, "PATIENCE", 5.0)
    # In place of the pause: the other run ends, and removes the file that this start has open.
    monkeypatch.setattr(time, "sleep", lambda _: first.__exit__(None, None, None))
    with FolderLock(folder / LOCK) as second:
        second.take()
        monkeypatch.setattr(lock, "PATIENCE", 0.0)
        assert names(folder) == {LOCK, LOCK_RECORD}
        with pytest.raises(ResumeError):
            take(folder)


def test_the_lock_of_a_removed_file_is_not_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock_descriptor = filelock.lock_descriptor

    def lock_too_late(descriptor: int, **settings: bool) -> bool:
        monkeypatch.setattr(filelock, "lock_descriptor", lock_descriptor)
        (folder / LOCK).unlink()  # as the run does that has just ended
        return lock_descriptor(descriptor, **settings)

    monkeypatch.setattr(filelock, "lock_descriptor", lock_too_late)
    with FolderLock(folder / LOCK) as folder_lock:
        folder_lock.take()
        assert (folder / LOCK).exists()
        assert who_uses(folder / LOCK) is not None


def test_on_a_full_disk_the_lock_of_the_system_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with FolderLock(folder / LOCK) as folder_lock:
        folder_lock.take()
        assert names(folder) == {LOCK}
        with pytest.raises(ResumeError, match="in use by a process that has just started"):
            take(folder)
    without_system_locks(monkeypatch)
    with pytest.raises(ResumeError, match=r"\.training_run\.json: cannot be written \(No space"):
        take(folder)


def test_a_folder_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(ResumeError, match=r"cannot be written"):
        take(tmp_path / "taken" / "runs")
