"""Carry out a decision: the only place before training that deletes or moves anything. Called after all checks."""

import contextlib
from pathlib import Path

from resume.archive import keep_in_archive, move_to_archive
from resume.checkpoints.catalog import OwnedFile, list_names, same_files, stamp
from resume.checkpoints.description import Checkpoint, has_changed
from resume.checkpoints.paths import content_file, is_shards, place_of, size_on_disk
from resume.commands import command_to_resume
from resume.decision import Archive, Decision, Fresh, Quit, Resume, StartOver
from resume.journal import remove_journal
from resume.plan import is_same_folder
from resume.run_files import BEST, LATEST, LEFTOVER, epoch_file, is_of_run, old_epoch_files, role_of
from resume.system.durable_files import link, remove
from resume.system.errors import ResumeError
from resume.system.open_files import refuse_open_files
from resume.system.output import plural, say, size_text, text

_NOTHING = Archive((), whole_run=True)


def apply(decision: Decision, *, every_n_epochs: int = 1, keep_last: int = 0) -> None:
    """Delete what was confirmed, or archive what makes way, and report it. What killed processes left goes too.

    Must be called under the lock of the folder, in the first process of a launch. Quit does nothing.

    Args:
        decision: The decision.
        every_n_epochs: Every how many epochs the run has an epoch file. Needed to finish a killed save.
        keep_last: How many epoch files the run keeps; 0 keeps all. Needed to finish a killed save.

    Raises:
        ResumeError: The files have changed since they were shown, or the system refused. The message says what was
            touched, usually nothing.
    """
    if isinstance(decision, Quit):
        return
    folder = decision.checkpoint_dir
    _restore_replaced(folder)
    match decision:
        case StartOver():
            _delete(decision)
        case Fresh():
            _move_away(decision.archive or _NOTHING, folder)
        case Resume():
            _make_way(decision)
            if decision.completes_save:
                _finish_save(decision.checkpoint, every_n_epochs, keep_last)
            if decision.other_scores:
                _keep_past_best(decision)
            _link_missing_names(decision)
    _remove_leftovers(folder)
    remove_journal(folder)
    if not isinstance(decision, Resume):
        say(text("Starting a new run..."))


def _restore_replaced(folder: Path) -> None:
    """Give checkpoints their names back that a killed save renamed and did not replace; see `place_of`."""
    for name in list_names(folder):
        place = place_of(folder / name)
        if place.name == name:
            continue
        try:
            place.rename(folder / name)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be renamed to {name} ({reason}). Nothing else was changed.").format(
                    path=place, name=name, reason=error.strerror
                )
            ) from error


def _delete(decision: StartOver) -> None:
    folder = decision.checkpoint_dir
    nothing_done = text("No file was deleted.")
    _refuse_changes(folder, decision.files, whole_run=True, consequence=nothing_done)
    refuse_open_files(folder, [file.name for file in decision.files], nothing_done)
    for count, file in enumerate(decision.files):
        try:
            remove(folder / file.name)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be deleted ({reason}). {count} of {total} files were deleted before it.").format(
                    path=folder / file.name, reason=error.strerror, count=count, total=len(decision.files)
                )
            ) from error
    say(plural("Deleted {count} file.", "Deleted {count} files.", len(decision.files)))


def _make_way(decision: Resume) -> None:
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
    _move_away(archive, decision.checkpoint_dir, staying=decision.path)


def _finish_save(checkpoint: Checkpoint, every_n_epochs: int, keep_last: int) -> None:
    """Finish a save that was killed after writing the file but before linking all of its names.

    Without it, the resumed run would lack that epoch's file, and a finished run would keep an old latest.
    """
    folder = checkpoint.path.parent
    if checkpoint.epoch_done:
        file = folder / epoch_file(checkpoint.epoch)
        if checkpoint.epoch % every_n_epochs == 0 and not file.exists():
            _link(checkpoint.path, file)
        for name in old_epoch_files(list_names(folder), checkpoint.epoch, keep_last):
            try:
                remove(folder / name)
            except OSError as error:  # open in another program, on Windows; the next save tries again
                said = text("Warning: {path}: cannot be deleted ({reason}).")
                say(said.format(path=folder / name, reason=error.strerror))
    _link(checkpoint.path, folder / LATEST)


def _keep_past_best(decision: Resume) -> None:
    """Keep the best model by the scores so far, which the first model with a new score replaces."""
    folder = decision.checkpoint_dir
    said = text("The best score starts anew, because scores of different things are not compared: {changes}.")
    line = said.format(changes=", ".join(decision.other_scores))
    if place_of(folder / BEST).exists():  # else it is archived already, or was never written
        kept = keep_in_archive(folder, BEST)
        line += " " + text("The best model so far is kept as {path}.").format(path=kept)
    say(line)


def _link_missing_names(decision: Resume) -> None:
    if decision.best_from is not None:
        _link(decision.best_from, decision.checkpoint_dir / BEST)
        say(text("Restored {best} from {source}.").format(best=BEST, source=decision.best_from.name))
    latest = decision.checkpoint_dir / LATEST
    if not latest.exists():
        # Until the first save of this start. A kill before that save leaves a run that `latest` still resumes.
        _link(decision.path, latest)


def _link(source: Path, target: Path) -> None:
    try:
        link(place_of(source), target, replaceable=is_shards)
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error


def _move_away(archive: Archive, folder: Path, staying: Path | None = None) -> None:
    nothing_done = text("Nothing was moved.")
    _refuse_changes(folder, archive.files, whole_run=archive.whole_run, consequence=nothing_done, staying=staying)
    if not archive.files:
        return
    refuse_open_files(folder, [file.name for file in archive.files], nothing_done)
    size = size_on_disk(folder / file.name for file in archive.files)
    target = move_to_archive(folder, archive)
    _report_move(archive, target, size)


def _report_move(archive: Archive, target: Path, size: int) -> None:
    count = len(archive.files)
    if not archive.whole_run:
        said = plural("Moved {count} later file of this run", "Moved {count} later files of this run", count)
        say(text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size_text(size)))
        return
    said = plural("Moved the earlier run, {count} file,", "Moved the earlier run, {count} files,", count)
    say(text("{said} to {folder} ({size}).").format(said=said, folder=target, size=size_text(size)))
    if archive.continue_with is None:
        say(text("It holds no checkpoint to continue from."))
    else:
        say(text("To continue it: {command}").format(command=command_to_resume(target / archive.continue_with)))


def _refuse_changes(
    folder: Path, files: tuple[OwnedFile, ...], *, whole_run: bool, consequence: str, staying: Path | None = None
) -> None:
    """Stop if a file has changed or gone since it was shown or, if all of a run's files are meant, has been added."""
    changed = [file.name for file in files if stamp(folder, file.name) != file]
    if whole_run:
        added = [name for name in list_names(folder) - {file.name for file in files} if is_of_run(name)]
        changed += sorted(set(added) - same_files(staying, folder, added))
    if changed:
        raise ResumeError(
            text(
                "{folder} has changed since it was shown: {names}. Another training may be running there. "
                "{consequence} Start the program again."
            ).format(folder=folder, names=", ".join(changed[:10]), consequence=consequence)
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed saves left. Under the lock of the folder, no other process is writing these files."""
    for name in list_names(folder):
        if role_of(name) == LEFTOVER:
            with contextlib.suppress(OSError):  # a leftover takes room and does no other harm
                remove(folder / name)
