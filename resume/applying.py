"""Carry out a decision: the only place that deletes or moves anything, called once every check has passed."""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resume.catalog import BEST, KINDS, OwnedFile, has_changed, list_names, role_of, same_files, stamp
from resume.decision import Archive, Decision, Fresh, Quit, Resume, StartOver
from resume.errors import ResumeError
from resume.handoff import hand_on
from resume.messages import plural, say, text
from resume.planning import ARCHIVE
from resume.screen import size_text
from resume.terminal import is_first_process


@dataclass(frozen=True)
class Report:
    """What was done.

    Attributes:
        deleted: How many files were deleted.
        archived_to: The folder to which files were moved.
    """

    deleted: int = 0
    archived_to: Path | None = None


def apply(decision: Decision) -> Report:
    """Delete what was confirmed, or archive what makes way, and say so.

    Only the first process of a launch acts; in the others, and for Quit, nothing happens.

    Raises:
        ResumeError: The files are not those that were shown any more, or the system refused; the message says
            what was touched, as a rule nothing.
    """
    if not is_first_process():
        return Report()
    match decision:
        case StartOver():
            report = _delete(decision)
        case Fresh():
            report = _move_away(decision.archive, decision.checkpoint_dir)
        case Resume():
            report = _make_way(decision)
        case Quit():
            return Report()
    hand_on(decision)
    if not isinstance(decision, Resume):
        say(text("Starting a new run..."))
    return report


def _delete(decision: StartOver) -> Report:
    folder = decision.checkpoint_dir
    _refuse_changes(folder, decision.files, whole_run=True, consequence=text("No file was deleted."))
    for count, file in enumerate(decision.files):
        try:
            (folder / file.name).unlink()
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be deleted ({reason}). Deleted before it: {count} of {total} files.").format(
                    path=folder / file.name, reason=error.strerror, count=count, total=len(decision.files)
                )
            ) from error
    say(plural("Deleted {count} file.", "Deleted {count} files.", len(decision.files)))
    return Report(deleted=len(decision.files))


def _make_way(decision: Resume) -> Report:
    if not decision.path.is_file():
        raise ResumeError(text("{path}: the file is gone. Nothing was changed.").format(path=decision.path))
    if has_changed(decision.checkpoint):
        raise ResumeError(
            text("{path} has changed since it was shown. Another training may be running there.").format(
                path=decision.path
            )
            + " "
            + text("Nothing was moved.")
        )
    report = _move_away(decision.archive, decision.checkpoint_dir, staying=decision.path)
    if decision.best_from is not None:
        _link(decision.best_from, decision.checkpoint_dir / BEST)
        say(text("{best} is {source} again.").format(best=BEST, source=decision.best_from.name))
    latest = decision.checkpoint_dir / KINDS["latest"]
    if not latest.exists():
        # Until this start saves for the first time: a kill before that leaves a run that `latest` still resumes.
        _link(decision.path, latest)
    return report


def _move_away(archive: Archive | None, folder: Path, staying: Path | None = None) -> Report:
    if archive is None:
        return Report()
    _refuse_changes(
        folder,
        archive.files,
        whole_run=archive.whole_run,
        consequence=text("Nothing was moved."),
        staying=staying,
    )
    size = _size_on_disk(folder, archive.files)
    target = _new_archive_folder(folder)
    _move(folder, target, archive.files)
    _say_where(archive, target, size)
    return Report(archived_to=target)


def _say_where(archive: Archive, target: Path, size: int) -> None:
    count = len(archive.files)
    if not archive.whole_run:
        said = plural("Moved {count} later file of this run", "Moved {count} later files of this run", count)
        say(text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size_text(size)))
        return
    said = plural("Moved the earlier run, {count} file,", "Moved the earlier run, {count} files,", count)
    say(text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size_text(size)))
    if archive.continue_with is None:
        say(text("It holds no checkpoint that could be continued."))
    else:
        say(text("To continue it: {command}").format(command=command_to_resume(target / archive.continue_with)))


def command_to_resume(ckpt_path: Path) -> str:
    """The command line, ready to paste, that resumes from a file."""
    import shlex  # these two take 20 ms, for which the menu would have to wait
    import subprocess

    # As it was started; in a process of another program, such as a test runner, that would not run.
    program = sys.argv[0] if Path(sys.argv[0]).name == "train.py" else "train.py"
    words = ["python", program, "--ckpt_path", str(ckpt_path)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _refuse_changes(
    folder: Path, files: tuple[OwnedFile, ...], *, whole_run: bool, consequence: str, staying: Path | None = None
) -> None:
    """Stop if a file has changed, gone or, where all of them are meant, come since it was shown."""
    changed = [file.name for file in files if stamp(folder, file.name) != file]
    if whole_run:
        come = [name for name in list_names(folder) - {file.name for file in files} if role_of(name)]
        changed += sorted(set(come) - same_files(staying, folder, come))
    if changed:
        raise ResumeError(
            text(
                "{folder} has changed since it was shown: {names}. Another training may be running there. "
                "{consequence} Start the program again."
            ).format(folder=folder, names=", ".join(changed[:10]), consequence=consequence)
        )


def _new_archive_folder(folder: Path) -> Path:
    """`archive/<UTC time>`, with -2, -3, … where that is taken."""
    name = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    target = folder / ARCHIVE
    try:
        target.mkdir(parents=True, exist_ok=True)
        while True:
            target = folder / ARCHIVE / (name if number == 1 else f"{name}-{number}")
            try:
                target.mkdir()
            except FileExistsError:
                number += 1
            else:
                return target
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be made ({reason}). Nothing was moved.").format(path=target, reason=error.strerror)
        ) from error


def _move(folder: Path, target: Path, files: tuple[OwnedFile, ...]) -> None:
    """Move all files or, where the system refuses one or the user interrupts, none."""
    names = [file.name for file in files]
    links = _links_that_would_dangle(folder, names)
    try:
        for name in names:
            (folder / name).rename(target / name)
        for name, goal in links.items():
            (target / name).unlink()
            (target / name).symlink_to(goal)
    except BaseException as error:
        stayed = _move_back(folder, target, names, links)
        consequence = text("Nothing was moved.")
        if stayed:
            consequence = text("Left in {folder}: {names}.").format(folder=target, names=", ".join(stayed))
        if not isinstance(error, OSError):
            if stayed:
                say(consequence)
            raise
        raise ResumeError(
            text("{path}: cannot be moved ({reason}).").format(path=error.filename, reason=error.strerror)
            + f" {consequence}"
        ) from error


def _links_that_would_dangle(folder: Path, names: list[str]) -> dict[str, str]:
    """Symbolic links whose words are right only where they lie, and what they have to say in another folder."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow every link of a chain
    goals: dict[str, str] = {}
    for name in names:
        if (folder / name).is_symlink():
            goal = Path(os.path.normpath(here / (folder / name).readlink()))
            moves_along = goal.name in names and goal.parent == here
            goals[name] = goal.name if moves_along else str(goal)
    return goals


def _move_back(folder: Path, target: Path, names: list[str], links: dict[str, str]) -> list[str]:
    """Undo a move; returns the names for which the system refuses that.

    What lies in `target` counts, and not what was noted: an interrupt comes between a move and its note too.
    """
    stayed = []
    for name in names:
        try:
            if name in links and not os.path.lexists(target / name) and not os.path.lexists(folder / name):
                (target / name).symlink_to(links[name])
            if os.path.lexists(target / name):
                if os.path.lexists(folder / name):
                    raise FileExistsError(name)
                (target / name).rename(folder / name)
        except OSError:
            stayed.append(name)
    with contextlib.suppress(OSError):
        target.rmdir()
    return stayed


def _size_on_disk(folder: Path, files: tuple[OwnedFile, ...]) -> int:
    """Bytes of the files; latest, best and an epoch file may be one file with three names."""
    sizes = {}
    for file in files:
        status = (folder / file.name).lstat()
        sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def _link(source: Path, target: Path) -> None:
    """Give `source` the further name `target`: a hard link, or a copy where the file system has none."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # One that a killed process of this number left may be a link to a checkpoint: never written into.
        temporary.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), temporary)
        except OSError:
            shutil.copyfile(source, temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the folder's new entries to the disk, where the system has a call for that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
