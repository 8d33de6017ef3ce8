"""Decide what a start does: by the flags, or by the menu. Nothing on disk is changed here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from resume.arguments import Arguments, expanded
from resume.checkpoints.catalog import Catalog, read_catalog, same_files
from resume.checkpoints.description import Checkpoint, describe
from resume.checkpoints.newest import advice_instead_of, newest_first, why_not
from resume.checkpoints.paths import is_shards, place_of
from resume.decision import Decision, Fresh, Quit, Resume
from resume.handoff import handed_on
from resume.journal import read_journal
from resume.menu.audience import audience
from resume.plan import folder_for, home_of, is_same_folder, plan_fresh, plan_resume
from resume.run_files import KINDS, LOCK, Kind
from resume.set_aside import settle
from resume.system.errors import ResumeError
from resume.system.lock import FolderLock, refuse_if_in_use, who_uses
from resume.system.output import plural, say, text
from resume.system.signals import not_stopped

# What --ckpt_path takes instead of a path. For a file of such a name, type ./latest.
KEYWORDS: dict[str, Kind] = {
    "latest": "latest",
    "last": "latest",
    "best": "best",
    "interrupted": "interrupted",
    "epoch": "epoch",
}
AUTO = "auto"
_TRIAL = "trainer.fast_dev_run"
_SECONDS_TO_RECOVER = 30.0
_PAUSE = 0.05


def choose(
    arguments: Arguments, on_waiting: Callable[[], None] | None = None, refused: Mapping[Path, str] | None = None
) -> Decision:
    """Decide by the flags or, if a person can answer, by the menu.

    Args:
        arguments: From `read_arguments`.
        on_waiting: Called once the menu is drawn and waits for a key; imports may begin then.
        refused: Checkpoints that do not load although they have passed the checks here, each with the reason.

    Raises:
        ResumeError: `--ckpt_path` names nothing that a run can resume from, the folder cannot be read, or another
            run uses it.
    """
    if arguments.informational or arguments.check_data:
        return Fresh(arguments.checkpoint_dir)
    launch = arguments.launch
    decided = handed_on(launch)
    if decided is not None:
        return decided
    if launch.array_task is not None and "checkpoint_dir" not in arguments.given:
        message = text(
            "Task {task} of this job array uses a folder of its own: {folder} (otherwise: --checkpoint_dir)."
        )
        say(message.format(task=launch.array_task, folder=arguments.checkpoint_dir))
    for folder in _folders(arguments):
        if launch.is_first:
            _recover(folder, break_lock=arguments.break_lock)
        else:
            _await_recovery(folder)
    decision = _decide(arguments, on_waiting, refused or {})
    # A trial writes nothing. This is an early look; what counts is whether the lock can be taken later.
    if launch.is_first and not isinstance(decision, Quit) and _TRIAL not in arguments.given:
        refuse_if_in_use(decision.checkpoint_dir / LOCK, break_lock=arguments.break_lock)
    return decision


def _decide(arguments: Arguments, on_waiting: Callable[[], None] | None, refused: Mapping[Path, str]) -> Decision:
    named, restarted = arguments.ckpt_path, arguments.launch.restart_variable
    if named is not None:
        own = _choose_own(arguments, refused) if restarted else None
        return own or _choose_named(named, arguments, refused)
    if restarted is not None:
        message = text("Restarted job ({variable} is set); continuing as with --ckpt_path auto.")
        say(message.format(variable=restarted))
        return _choose_newest(arguments.checkpoint_dir, refused)
    catalog = read_catalog(arguments.checkpoint_dir)
    if not catalog.shown:
        say(text("No checkpoint found; starting a new run."))
        return plan_fresh(arguments.checkpoint_dir, catalog)
    if arguments.no_interactive:
        return plan_fresh(arguments.checkpoint_dir, catalog)
    who, reason = audience(arguments.launch)
    if who == "nobody":
        say(text("No menu ({reason}); continuing as with --no_interactive.").format(reason=reason))
        return plan_fresh(arguments.checkpoint_dir, catalog)
    from resume.menu.dialogue import hold_dialogue  # the menu takes 0.1 s to import

    return hold_dialogue(arguments.checkpoint_dir, who, on_waiting)


def _recover(folder: Path, *, break_lock: bool) -> None:
    """Bring back what a killed start had set aside, or let it go if that start has saved a checkpoint."""
    lock_file = folder / LOCK
    if read_journal(folder) is None or who_uses(lock_file) is not None:
        return
    with FolderLock(lock_file, break_lock=break_lock) as lock, not_stopped():
        lock.take()
        done = settle(folder)
    if done:
        say(text("An earlier start was killed."))
    for line in done:
        say(line)


def _await_recovery(folder: Path) -> None:
    """Wait until the first process has recovered the folder, so that all processes see the same files."""
    end = time.monotonic() + _SECONDS_TO_RECOVER
    while read_journal(folder) is not None and time.monotonic() < end:
        time.sleep(_PAUSE)


def _folders(arguments: Arguments) -> list[Path]:
    """The folders in which the run may continue: first that of a checkpoint given by path, then the configured one."""
    folder, named = arguments.checkpoint_dir, arguments.ckpt_path
    if named is None or named == AUTO or named in KEYWORDS or "checkpoint_dir" in arguments.given:
        return [folder]
    home = home_of(expanded("--ckpt_path", named))
    return [home, folder] if _is_folder(home) and not is_same_folder(home, folder) else [folder]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder that this user must not read
        return False


def _choose_own(arguments: Arguments, refused: Mapping[Path, str]) -> Resume | None:
    """The newest checkpoint that an earlier start of this job saved, which named the same checkpoint; None: none.

    That start archived everything later than the named checkpoint, so the newest one is the job's own.
    """
    job = arguments.launch.job(arguments.ckpt_path)
    if job is None or arguments.ckpt_path == AUTO:
        return None
    for folder in _folders(arguments):
        catalog = read_catalog(folder)
        own = [found.job for found in catalog.shown if found.run_id == catalog.run_id and found.job is not None]
        newest = _newest_sound(catalog, refused) if any(saved.is_continued_by(job) for saved in own) else None
        if newest is not None:
            message = text("Restarted job: it resumes from what it saved itself, not from {named}.")
            say(message.format(named=arguments.ckpt_path))
            return replace(plan_resume(newest, folder), is_newest=True)
    return None


def _choose_named(ckpt_path: str, arguments: Arguments, refused: Mapping[Path, str]) -> Decision:
    folder = arguments.checkpoint_dir
    if ckpt_path == AUTO:
        return _choose_newest(folder, refused)
    if ckpt_path in KEYWORDS:
        return plan_resume(_by_keyword(ckpt_path, folder), folder)
    path = expanded("--ckpt_path", ckpt_path)
    try:
        checkpoint = _by_path(path)
    except OSError as error:  # a name that is too long, a folder that this user must not read
        raise ResumeError(f"--ckpt_path {path}: {error.strerror}.") from error
    return plan_resume(checkpoint, folder if "checkpoint_dir" in arguments.given else folder_for(checkpoint, folder))


def _choose_newest(folder: Path, refused: Mapping[Path, str]) -> Resume | Fresh:
    catalog = read_catalog(folder)
    newest = _newest_sound(catalog, refused)
    if newest is not None:
        return replace(plan_resume(newest, folder), is_newest=True)
    if catalog.shown:
        say(text("--ckpt_path auto: no usable checkpoint in {folder}; starting a new run.").format(folder=folder))
    else:
        say(text("--ckpt_path auto: no checkpoint in {folder}; starting a new run.").format(folder=folder))
    return plan_fresh(folder, catalog)


def _newest_sound(catalog: Catalog, refused: Mapping[Path, str]) -> Checkpoint | None:
    names = {name: why for path, why in refused.items() for name in same_files(path, catalog.folder, catalog.owned)}
    for found in newest_first(catalog):
        reason = names.get(found.path.name) or why_not(found, catalog.run_id)
        if reason is None:
            return found
        say(text("--ckpt_path auto skips {name}: {reason}.").format(name=found.path.name, reason=reason))
    return None


def _by_keyword(keyword: str, folder: Path) -> Checkpoint:
    catalog = read_catalog(folder)
    found = catalog.find(KEYWORDS[keyword])
    if found is None:
        wrong = text("no {name} in {folder}").format(name=KINDS[KEYWORDS[keyword]], folder=folder)
    elif found.damage:
        wrong = f"{found.path}: {found.damage}"
    else:
        return found
    raise ResumeError(f"--ckpt_path {keyword}: {wrong}. {_what_exists(catalog)}")


def _by_path(path: Path) -> Checkpoint:
    place = place_of(path)
    if place.is_dir() and not is_shards(place):
        catalog = read_catalog(path)
        advice = text("To resume the run in it: --checkpoint_dir {folder} --ckpt_path auto").format(folder=path)
        wrong = text("{path} is a folder, expected a file").format(path=path)
        raise ResumeError(f"--ckpt_path {path}: {wrong}. {_found(catalog)} {advice}")
    if not place.exists():
        wrong = text("there is no such file")
        near = f" {_found(read_catalog(path.parent))}" if path.parent.is_dir() else ""
        advice = text("The keywords are latest, best, interrupted, epoch and auto.")
        raise ResumeError(f"--ckpt_path {path}: {wrong}.{near} {advice}")
    checkpoint = describe(path, _kind_of(path.name))
    if checkpoint.damage:
        others = read_catalog(path.parent)
        own = text("Use a checkpoint that train.py has saved.")
        advice = own if checkpoint.is_foreign else advice_instead_of(path)
        raise ResumeError(f"--ckpt_path {path}: {checkpoint.damage}. {_found(others)} {advice}")
    return checkpoint


def _kind_of(name: str) -> Kind:
    kinds: dict[str, Kind] = {fixed: kind for kind, fixed in KINDS.items()}
    return kinds.get(name, "other")


def _found(catalog: Catalog) -> str:
    """`Found: best_model.pth, 10 epoch files.`: what the folder holds, damaged files marked."""
    names = []
    for found in catalog.shown:
        name = found.path.name
        if found.kind == "epoch":
            name = plural("{count} epoch file", "{count} epoch files", catalog.epoch_count)
        names.append(text("{name} (damaged)").format(name=name) if found.damage else name)
    return text("Found: {names}.").format(names=", ".join(names) or text("no checkpoint"))


def _what_exists(catalog: Catalog) -> str:
    usable = [found.kind for found in catalog.shown if not found.damage]
    advice = text("Use --no_interactive for a new run.")
    if usable:
        keywords = ", ".join(f"--ckpt_path {kind}" for kind in usable)
        advice = text("Use {keywords}, or --no_interactive for a new run.").format(keywords=keywords)
    return f"{_found(catalog)} {advice}"
