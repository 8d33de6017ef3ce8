"""Carry out a decision: what makes way is set aside after all checks, and goes after the first save."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from resume.archive import keep_in_archive
from resume.checkpoints.catalog import OwnedFile, list_names, read_catalog, same_files, stamp
from resume.checkpoints.description import Checkpoint, has_changed
from resume.checkpoints.paths import content_file, is_shards, place_of, size_on_disk
from resume.decision import Archive, Decision, Fresh, Quit, Resume, StartOver
from resume.journal import Journal
from resume.plan import is_same_folder
from resume.run_files import BEST, KINDS, LATEST, LEFTOVER, LOGS, epoch_file, is_of_run, old_epoch_files, role_of
from resume.set_aside import NoJournalError, let_go, set_aside, settle
from resume.system.durable_files import link, remove
from resume.system.errors import ResumeError
from resume.system.open_files import refuse_open_files
from resume.system.output import plural, say, size_text, text

_NOTHING = Archive((), whole_run=True)


def apply(decision: Decision, *, every_n_epochs: int = 1, keep_last: int = 0) -> None:
    """Set aside what makes way for the run, and say what becomes of it. What killed processes left is deleted.

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
    try:
        _carry_out(decision, every_n_epochs, keep_last)
    except BaseException:
        settle(folder)
        raise
    _remove_leftovers(folder)
    if not isinstance(decision, Resume):
        say(text("Starting a new run..."))


def finish(decision: Decision) -> list[str]:
    """Complete what `apply` began, once the run has saved its first checkpoint; to be called in the first process.

    What was set aside is deleted or moved to the archive.

    Returns:
        Lines to print about what was done; none if nothing was set aside.

    Raises:
        ResumeError: The system refused. The next call tries again.
    """
    return let_go(decision.checkpoint_dir) if waits_for_first_save(decision) else []


def end(decision: Decision) -> list[str]:
    """Bring back what is still set aside when a run ends before its first save; must be called under the lock.

    Returns:
        Lines to print about what was done; none if nothing was set aside any more.

    Raises:
        ResumeError: The system refused. The next start tries again.
    """
    return settle(decision.checkpoint_dir) if waits_for_first_save(decision) else []


def waits_for_first_save(decision: Decision) -> bool:
    """Whether something makes way only when the run has saved its first checkpoint."""
    match decision:
        case StartOver():
            return bool(decision.files)
        case Fresh() | Resume():
            return decision.archive is not None and bool(decision.archive.files)
    return False


def _carry_out(decision: StartOver | Fresh | Resume, every_n_epochs: int, keep_last: int) -> None:
    match decision:
        case StartOver():
            _start_over(decision)
        case Fresh():
            _make_way(decision.archive or _NOTHING, decision.checkpoint_dir)
        case Resume():
            _make_way_for_resume(decision)
            if decision.completes_save:
                _finish_save(decision.checkpoint, every_n_epochs, keep_last)
            if decision.other_scores:
                _keep_past_best(decision)
            _link_missing_names(decision)


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


def _start_over(decision: StartOver) -> None:
    folder, names = decision.checkpoint_dir, tuple(file.name for file in decision.files)
    nothing_done = text("No file was deleted.")
    _refuse_changes(folder, decision.files, whole_run=True, consequence=nothing_done)
    if not names:
        return
    refuse_open_files(folder, names, nothing_done)
    try:
        set_aside(folder, Journal(names, since=_beginning(folder)), nothing_done)
    except NoJournalError:
        if not decision.at_once:
            raise
        _delete(folder, names)  # the disk is too full even for the journal
        return
    if decision.at_once:
        for line in let_go(folder):
            say(line)
        return
    say(
        plural(
            "{count} file will be deleted after the new run's first save.",
            "{count} files will be deleted after the new run's first save.",
            len(names),
        )
    )


def _delete(folder: Path, names: tuple[str, ...]) -> None:
    for count, name in enumerate(names):
        try:
            remove(folder / name)
        except OSError as error:
            raise ResumeError(
                text("{path}: cannot be deleted ({reason}). {count} of {total} files were deleted before it.").format(
                    path=folder / name, reason=error.strerror, count=count, total=len(names)
                )
            ) from error
    say(plural("Deleted {count} file.", "Deleted {count} files.", len(names)))


def _make_way_for_resume(decision: Resume) -> None:
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
    _make_way(archive, decision.checkpoint_dir, staying=decision.path)


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
        target.parent.mkdir(parents=True, exist_ok=True)
        link(place_of(source), target, replaceable=is_shards)
    except OSError as error:
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error


def _make_way(archive: Archive, folder: Path, staying: Path | None = None) -> None:
    """Set aside what goes to the archive after the first save, and copies of what the start replaces before it."""
    nothing_done = text("Nothing was moved.")
    _refuse_changes(folder, archive.files, whole_run=archive.whole_run, consequence=nothing_done, staying=staying)
    if not archive.files:
        return
    names = tuple(file.name for file in archive.files)
    refuse_open_files(folder, names, nothing_done)
    size = size_text(size_on_disk(folder / name for name in names))
    stays = sorted(name for name in list_names(folder) - {*names} if is_of_run(name))
    copied = tuple(name for name in stays if role_of(name) not in KINDS)
    journal = Journal(
        names,
        copied,
        tuple(name for name in stays if name not in copied),
        since=_beginning(folder),
        archives=True,
        whole_run=archive.whole_run,
        continue_with=archive.continue_with,
    )
    set_aside(folder, journal, nothing_done)
    said = plural("{count} later file of this run", "{count} later files of this run", len(names))
    if archive.whole_run:
        said = plural("{count} file of the earlier run", "{count} files of the earlier run", len(names))
    say(text("{said} ({size}) will be archived after the first save.").format(said=said, size=size))


def _beginning(folder: Path) -> datetime:
    """The present time, or a later one if the clock was ahead when the folder's checkpoints were saved."""
    saved = [found.saved_at + timedelta(microseconds=1) for found in read_catalog(folder).shown]
    return max([datetime.now(UTC), *saved])


def _refuse_changes(
    folder: Path, files: tuple[OwnedFile, ...], *, whole_run: bool, consequence: str, staying: Path | None = None
) -> None:
    """Stop if a file has changed or gone since it was shown or, if all of a run's files are meant, has been added."""
    changed = [file.name for file in files if stamp(folder, file.name) != file]
    if whole_run:
        # The logs of a resumed run stay; those of another training do not come without its other files.
        # What --check_data writes beside anything is no other training either.
        new = list_names(folder) - {file.name for file in files} - {LOGS}
        added = [name for name in new if is_of_run(name) and role_of(name) != "data"]
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
