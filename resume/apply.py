"""Carry out a decision: the only place that deletes or moves anything, called once every check has passed."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from resume.archive import move_to_archive
from resume.checkpoints.catalog import BEST, KINDS, LEFTOVER_ROLE, OwnedFile, list_names, role_of, same_files, stamp
from resume.checkpoints.description import has_changed
from resume.checkpoints.paths import content_file, size_on_disk
from resume.commands import command_to_resume
from resume.decision import Archive, Decision, Fresh, Quit, Resume, StartOver
from resume.journal import forget_move
from resume.menu.layout import size_text
from resume.plan import is_same_folder
from resume.system.durable_files import link, remove
from resume.system.errors import ResumeError
from resume.system.open_files import refuse_open_files
from resume.system.output import plural, say, text

_NOTHING = Archive((), whole_run=True)


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
    """Delete what was confirmed, or archive what makes way, and say so; temporary files of dead runs go too.

    To be called under the run's lock, in the first process of a launch. For Quit, nothing happens.

    Raises:
        ResumeError: The files are not those that were shown any more, or the system refused; the message says
            what was touched, as a rule nothing.
    """
    match decision:
        case StartOver():
            report = _delete(decision)
        case Fresh():
            report = _move_away(decision.archive or _NOTHING, decision.checkpoint_dir)
        case Resume():
            report = _make_way(decision)
        case Quit():
            return Report()
    _remove_leftovers(decision.checkpoint_dir)
    forget_move(decision.checkpoint_dir)
    if not isinstance(decision, Resume):
        say(text("Starting a new run..."))
    return report


def _delete(decision: StartOver) -> Report:
    folder = decision.checkpoint_dir
    nothing_done = text("No file was deleted.")
    _refuse_changes(folder, decision.files, whole_run=True, consequence=nothing_done)
    refuse_open_files(folder, [file.name for file in decision.files], nothing_done)
    for count, file in enumerate(decision.files):
        try:
            remove(folder / file.name)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be deleted ({reason}). Deleted before it: {count} of {total} files.").format(
                    path=folder / file.name, reason=error.strerror, count=count, total=len(decision.files)
                )
            ) from error
    say(plural("Deleted {count} file.", "Deleted {count} files.", len(decision.files)))
    return Report(deleted=len(decision.files))


def _make_way(decision: Resume) -> Report:
    if not content_file(decision.path).is_file():
        raise ResumeError(text("{path}: the file is gone. Nothing was changed.").format(path=decision.path))
    if has_changed(decision.checkpoint):
        raise ResumeError(
            text("{path} has changed since it was shown. Another training may be running there.").format(
                path=decision.path
            )
            + " "
            + text("Nothing was moved.")
        )
    is_elsewhere = not is_same_folder(decision.path.parent, decision.checkpoint_dir)
    archive = decision.archive or Archive((), whole_run=is_elsewhere)
    report = _move_away(archive, decision.checkpoint_dir, staying=decision.path)
    if decision.best_from is not None:
        _name_also(decision.best_from, decision.checkpoint_dir / BEST)
        say(text("{best} is {source} again.").format(best=BEST, source=decision.best_from.name))
    latest = decision.checkpoint_dir / KINDS["latest"]
    if not latest.exists():
        # Until this start saves for the first time: a kill before that leaves a run that `latest` still resumes.
        _name_also(decision.path, latest)
    return report


def _name_also(source: Path, target: Path) -> None:
    try:
        link(source, target)
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error


def _move_away(archive: Archive, folder: Path, staying: Path | None = None) -> Report:
    nothing_done = text("Nothing was moved.")
    _refuse_changes(folder, archive.files, whole_run=archive.whole_run, consequence=nothing_done, staying=staying)
    if not archive.files:
        return Report()
    refuse_open_files(folder, [file.name for file in archive.files], nothing_done)
    size = size_on_disk(folder / file.name for file in archive.files)
    target = move_to_archive(folder, archive)
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


def _refuse_changes(
    folder: Path, files: tuple[OwnedFile, ...], *, whole_run: bool, consequence: str, staying: Path | None = None
) -> None:
    """Stop if a file has changed, gone or, where all of them are meant, come since it was shown."""
    changed = [file.name for file in files if stamp(folder, file.name) != file]
    if whole_run:
        come = [name for name in list_names(folder) - {file.name for file in files} if _is_of_a_run(name)]
        changed += sorted(set(come) - same_files(staying, folder, come))
    if changed:
        raise ResumeError(
            text(
                "{folder} has changed since it was shown: {names}. Another training may be running there. "
                "{consequence} Start the program again."
            ).format(folder=folder, names=", ".join(changed[:10]), consequence=consequence)
        )


def _is_of_a_run(name: str) -> bool:
    return role_of(name) not in (None, LEFTOVER_ROLE)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of saves that were killed; under the run's lock, nobody writes them any more."""
    for name in list_names(folder):
        if role_of(name) == LEFTOVER_ROLE:
            with contextlib.suppress(OSError):  # it takes room and does no other harm
                remove(folder / name)
