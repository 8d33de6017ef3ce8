"""One run at a time in a folder: a lock of the system decides, and a record beside the lock file says who holds it.

The system releases a lock when its process ends, however it ends. The record decides for processes of other hosts, and
on file systems without locks, such as some network file systems.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from resume.system.errors import ResumeError
from resume.system.lock_record import Holder, read_record, record_of_this_process, remove_record, write_record
from resume.system.output import say, text
from resume.system.pids import start_of

# How long (s) to wait for a run that is just ending, or for another start that only looks.
PATIENCE = 0.5
_PAUSE = 0.02

_held: set[int] = set()
_taken: dict[Path, "FolderLock"] = {}


def _let_go_in_child() -> None:
    """Release the lock that a forked child inherits. DataLoader workers would keep it after their parent is killed."""
    while _held:
        with contextlib.suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


@dataclass(frozen=True)
class Use:
    """A folder is in use.

    Attributes:
        holder: The process that uses it; None in the moment before the record is written.
        is_certain: Whether that process is known to be alive. Nothing is known about processes of other hosts.
    """

    holder: Holder | None
    is_certain: bool

    def __str__(self) -> str:
        return text("a process that has just started") if self.holder is None else str(self.holder)


class InUseError(ResumeError):
    """The folder is in use.

    Attributes:
        use: By whom.
    """

    def __init__(self, message: str, use: Use) -> None:
        super().__init__(message)
        self.use = use


def who_uses(lock_file: Path) -> Use | None:
    """Who uses the folder of a lock file, or seems to; None if the folder is free. Nothing is created or changed."""
    return _judge(_is_locked(lock_file), read_record(_record_beside(lock_file)))


def refuse_if_in_use(lock_file: Path, *, break_lock: bool) -> None:
    """Look at the lock long before it is taken, so that nobody waits for the imports in vain.

    Raises:
        ResumeError: The folder is in use.
    """
    _refuse(who_uses(lock_file), lock_file.parent, break_lock=break_lock)


def _record_beside(lock_file: Path) -> Path:
    return lock_file.with_suffix(".json")


class FolderLock:
    """The right to write into a folder, from `take` to the end of the block, in the first process of a launch.

    Args:
        lock_file: A file in that folder, which `take` makes. The record beside it has the same stem and ends in .json.
        break_lock: Whether to ignore the record of a process on another host.

    Attributes:
        owner: The run for which the folder is held.
        times: How often the lock was taken; more than once if the folder was moved away or removed.
    """

    def __init__(self, lock_file: Path, *, break_lock: bool = False) -> None:
        self._path = lock_file
        self._folder = lock_file.parent
        self._record = _record_beside(lock_file)
        self._break_lock = break_lock
        self._mine: Holder | None = None
        self._descriptor = -1
        self.owner = ""
        self.times = 0

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._mine is not None and self._mine.pid == os.getpid():
            self._release()

    def take(self) -> None:
        """Take the lock; to be called in the first process of a launch.

        Raises:
            ResumeError: Another process holds the lock, or the folder cannot be written.
        """
        self._descriptor, use = self._acquire(break_lock=self._break_lock)
        self.times = 1
        _taken[self._folder] = self
        if use is not None:
            say(text("Ignored because of --break_lock: {holder}.").format(holder=use))

    def is_in_place(self) -> bool:
        """Whether the folder of that path is still the one that this process holds."""
        return _is_still(self._path, self._descriptor)

    def take_again(self, refuse: Callable[[], None]) -> None:
        """Take the lock of the folder that has the path now. It is made, if there is none; the other one is let go.

        Args:
            refuse: Raises a ResumeError if this process must not use that folder. Called under the lock.

        Raises:
            ResumeError: `refuse` did, or another process holds the lock, or the folder cannot be written.
        """
        before = self._descriptor
        self._descriptor, _ = self._acquire(break_lock=False, refuse=refuse)
        self.times += 1
        _close(before)

    def _acquire(self, *, break_lock: bool, refuse: Callable[[], None] = lambda: None) -> tuple[int, Use | None]:
        """The descriptor of the lock file with its lock, and the use that was ignored."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, has_lock = _open_locked(self._path)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be written ({reason}).").format(path=self._path, reason=error.strerror)
            ) from error
        _held.add(descriptor)
        try:
            before = read_record(self._record)
            use = _judge(None if has_lock is None else not has_lock, None if before == self._mine else before)
            _refuse(use, self._folder, break_lock=break_lock)
            refuse()
            mine = self._mine or record_of_this_process()
            self._write_record(mine, before, is_only_guard=has_lock is None)
        except BaseException:
            if has_lock:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            _close(descriptor)
            raise
        self._mine = mine
        return descriptor, use

    def _write_record(self, mine: Holder, before: Holder | None, *, is_only_guard: bool) -> None:
        if read_record(self._record) != before:  # without a lock of the system, another start may have come between
            _refuse(Use(read_record(self._record), is_certain=True), self._folder, break_lock=False)
        try:
            write_record(self._record, mine)
        except OSError as error:
            if is_only_guard:
                raise ResumeError(
                    text("{path}: cannot be written ({reason}).").format(path=self._record, reason=error.strerror)
                ) from error
            # The lock holds without the record, and starting over must be possible on a full disk.

    def _release(self) -> None:
        _taken.pop(self._folder, None)
        self._mine, mine = None, self._mine
        if self.is_in_place():  # else the folder is gone, or another run's
            with contextlib.suppress(ResumeError):  # something else has the record's name
                if read_record(self._record) == mine:
                    remove_record(self._record)
            # If possible, before the lock is released: afterwards, another start may hold the lock on this file.
            # Windows removes no open file, and so none that another start has open.
            with contextlib.suppress(OSError):
                self._path.unlink()
        _close(self._descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                self._path.unlink()


def lock_of(folder: Path) -> FolderLock | None:
    """The lock of a folder that this process has taken; None if it has taken none."""
    return _taken.get(folder)


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _open_locked(path: Path) -> tuple[int, bool | None]:
    """An open descriptor of the lock file, and whether it has the lock; None if the system has no such locks."""
    end = time.monotonic() + PATIENCE
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        has_lock = _try_lock(descriptor)
        # A run that ends removes the file. The lock on a removed file guards nothing.
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
    """Whether a process has the lock; None if the system has no such locks, or this user may not open the file."""
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
    """What lock and record mean together; `is_locked` is None if only the record can tell."""
    if is_locked:
        return Use(record, is_certain=True)
    if record is None:
        return None
    if record.host != socket.gethostname():
        # SLURM queues a job again only after the job has ended, on whatever host that was.
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
        advice = text("If that process is no longer running, start again with --break_lock.")
    said = text("{folder} is in use by {holder}. Nothing was changed.").format(folder=folder, holder=use)
    raise InUseError(f"{said} {advice}", use)
