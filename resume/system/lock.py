"""One run at a time in a folder: the system's lock decides, and a record beside it tells who holds it.

The system gives a lock back when its process ends, however it ends. Where it has none, as on some network file
systems, and for processes of other hosts, the record decides.
"""

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from resume.system.errors import ResumeError
from resume.system.lock_record import (
    RECORD,
    Holder,
    read_record,
    record_of_this_process,
    remove_record,
    write_record,
)
from resume.system.output import say, text
from resume.system.pids import start_of

LOCK = ".training_run.lock"
# A run that is just ending, or another start that only looks, has the lock for a moment (s).
PATIENCE = 0.5
_PAUSE = 0.02

_held: set[int] = set()


def _let_go_in_child() -> None:
    """A forked child inherits the lock. DataLoader workers would hold it on after their parent was killed."""
    while _held:
        with contextlib.suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


@dataclass(frozen=True)
class Use:
    """A folder is in use.

    Attributes:
        holder: By whom; None in the moment before that is written down.
        is_certain: Whether that process is known to be alive; of another host's, nothing is known.
    """

    holder: Holder | None
    is_certain: bool

    def __str__(self) -> str:
        return text("a process that has just begun") if self.holder is None else str(self.holder)


def who_uses(folder: Path) -> Use | None:
    """Who uses a folder, or seems to; None if it is free. Nothing is created or changed."""
    return _judge(_is_locked(folder / LOCK), read_record(folder))


def refuse_if_in_use(folder: Path, *, break_lock: bool) -> None:
    """A look at the lock long before it is taken, so that nobody waits for the imports in vain.

    Raises:
        ResumeError: The folder is in use.
    """
    _refuse(who_uses(folder), folder, break_lock=break_lock)


class RunLock:
    """The right to write into a folder, from `take` to the end of the block, in the first process of a launch.

    Args:
        folder: The folder of a run's files.
        break_lock: Whether to pass over the record of a process on another host.
    """

    def __init__(self, folder: Path, *, break_lock: bool = False) -> None:
        self._folder = folder
        self._break_lock = break_lock
        self._mine: Holder | None = None
        self._descriptor = -1

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._mine is not None and self._mine.pid == os.getpid():
            self._release()

    def take(self) -> None:
        """Take the lock; to be called in the first process of a launch.

        Raises:
            ResumeError: Another process has it, or the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, has_lock = _open_locked(self._folder / LOCK)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be written ({reason}).").format(path=self._folder / LOCK, reason=error.strerror)
            ) from error
        _held.add(descriptor)
        try:
            before = read_record(self._folder)
            use = _judge(None if has_lock is None else not has_lock, before)
            _refuse(use, self._folder, break_lock=self._break_lock)
            self._mine = record_of_this_process()
            self._write_record(before, is_only_guard=has_lock is None)
        except BaseException:
            self._mine = None
            _close(descriptor)
            raise
        self._descriptor = descriptor
        if use is not None:
            say(text("Passed over, because of --break_lock: {holder}.").format(holder=use))

    def _write_record(self, before: Holder | None, *, is_only_guard: bool) -> None:
        assert self._mine is not None
        if read_record(self._folder) != before:  # without a lock of the system, someone may have come between
            _refuse(Use(read_record(self._folder), is_certain=True), self._folder, break_lock=False)
        try:
            write_record(self._folder, self._mine)
        except OSError as error:
            if is_only_guard:
                raise ResumeError(
                    text("{path}: cannot be written ({reason}).").format(
                        path=self._folder / RECORD, reason=error.strerror
                    )
                ) from error
            # The lock stands without it, and starting over is a way out of a full disk.

    def _release(self) -> None:
        if read_record(self._folder) == self._mine:
            remove_record(self._folder)
        self._mine = None
        # Where that is possible, before the lock is given back, else a lock that another start takes would go.
        # Windows removes no open file, and so none that another start has open.
        with contextlib.suppress(OSError):
            (self._folder / LOCK).unlink()
        _close(self._descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                (self._folder / LOCK).unlink()


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _open_locked(path: Path) -> tuple[int, bool | None]:
    """An open descriptor of the lock file, and whether it has the lock; None where the system has no such locks."""
    end = time.monotonic() + PATIENCE
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        has_lock = _try_lock(descriptor)
        # A run that ends removes the file; the lock of a removed one guards nothing.
        if has_lock is None or (has_lock and _is_still(path, descriptor)):
            return descriptor, has_lock
        if has_lock is False and time.monotonic() >= end:
            return descriptor, False
        os.close(descriptor)
        time.sleep(_PAUSE)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _try_lock(descriptor: int) -> bool | None:
    from filelock import lock_descriptor  # takes 20 ms, and most starts find no lock file to look at

    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return None


def _is_locked(path: Path) -> bool | None:
    """Whether some process has the lock; None where the system has no such locks, or does not let this user look."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        has_lock = _try_lock(descriptor)
    finally:
        os.close(descriptor)
    return None if has_lock is None else not has_lock


def _judge(is_locked: bool | None, record: Holder | None) -> Use | None:
    """What lock and record mean together; `is_locked` is None where only the record can tell."""
    if is_locked:
        return Use(record, is_certain=True)
    if record is None:
        return None
    if record.host != socket.gethostname():
        # A job that SLURM has queued again has ended before, wherever that was.
        is_same_job = record.slurm_job_id is not None and record.slurm_job_id == os.environ.get("SLURM_JOB_ID")
        return None if is_same_job else Use(record, is_certain=False)
    has_lock_of_the_system = is_locked is not None
    if has_lock_of_the_system or record.process_start is None or start_of(record.pid) != record.process_start:
        return None
    return Use(record, is_certain=True)


def _refuse(use: Use | None, folder: Path, *, break_lock: bool) -> None:
    if use is None or (break_lock and not use.is_certain):
        return
    if use.is_certain:
        advice = text("Wait until it ends, or choose another --checkpoint_dir.")
        if break_lock:
            advice += " " + text("--break_lock does not break the lock of a process that is alive.")
    else:
        advice = text("If that process does not run any more, start again with --break_lock.")
    said = text("{folder} is in use by {holder}. Nothing was changed.").format(folder=folder, holder=use)
    raise ResumeError(f"{said} {advice}")
