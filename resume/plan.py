"""What has to make way before a run can be resumed, and in which folder the run continues."""

import os
from dataclasses import replace
from pathlib import Path

from resume.checkpoints.catalog import Catalog, read_catalog, same_files, stamps
from resume.checkpoints.description import Checkpoint, describe
from resume.checkpoints.paths import place_of, run_of_logs
from resume.decision import Archive, Fresh, Resume
from resume.run_files import ARCHIVE, BEST, CONFIG, LOGS, epoch_file, epoch_of, is_archive_name, is_of_run, role_of
from resume.system.errors import ResumeError, UnreadableError
from resume.system.output import text
from resume.system.small_files import read_text
from resume.system.small_yaml import MAX_BYTES


def plan_fresh(checkpoint_dir: Path, catalog: Catalog) -> Fresh:
    """Start a new run in a folder. Files of an earlier run are archived, never deleted."""
    return Fresh(checkpoint_dir, _whole_run(catalog, catalog.owned))


def plan_resume(checkpoint: Checkpoint, checkpoint_dir: Path) -> Resume:
    """Resume from a checkpoint.

    - If the folder holds another run, or the checkpoint is in another folder, the present run is archived whole.
    - If the checkpoint is an older one of the present run, all later files are archived.
    - The logs of the run stay: its loggers go on there, and take back what is later.

    Args:
        checkpoint: A usable checkpoint.
        checkpoint_dir: The folder in which the run continues.
    """
    present = read_catalog(checkpoint_dir)
    is_at_home = is_same_folder(checkpoint.path.parent, checkpoint_dir)
    staying = same_files(checkpoint.path, checkpoint_dir, present.owned)
    if run_of_logs(checkpoint_dir / LOGS) == checkpoint.run_id:
        staying.add(LOGS)
    if is_at_home and present.run_id in (None, checkpoint.run_id):
        later = [name for name in _later_names(checkpoint, present) if name not in staying]
        archive = Archive(stamps(checkpoint_dir, later), whole_run=False) if later else None
    else:
        archive = _whole_run(present, tuple(name for name in present.owned if name not in staying))
    return Resume(
        checkpoint,
        checkpoint_dir,
        _own_config(checkpoint, present if is_at_home else read_catalog(checkpoint.path.parent)),
        archive,
        _best_file(checkpoint, checkpoint_dir, archive),
        completes_save=is_at_home and archive is None and _is_ahead_of_latest(checkpoint, present),
    )


def _is_ahead_of_latest(checkpoint: Checkpoint, present: Catalog) -> bool:
    """Whether a save wrote the checkpoint but was killed before it linked the name of latest."""
    latest = present.find("latest")
    is_older = latest is None or (not latest.damage and latest.global_step < checkpoint.global_step)
    return checkpoint.kind in ("best", "epoch") and is_older


def folder_for(checkpoint: Checkpoint, default: Path) -> Path:
    """The folder in which a run continues that is resumed from a path: its own folder.

    This is the folder of the checkpoint if that also holds the run's own config.yaml; for an archived run, the folder
    that holds the archive; else `default`.
    """
    folder = checkpoint.path.parent
    home = home_of(checkpoint.path)
    return home if home != folder or _own_config(checkpoint, read_catalog(folder)) else default


def home_of(path: Path) -> Path:
    """The folder of a checkpoint; for an archived checkpoint, the folder that holds the archive."""
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow links to another folder
    if folder.parent.name == ARCHIVE and is_archive_name(folder.name):
        return _as_short_as_possible(folder.parent.parent)
    return path.parent


def _as_short_as_possible(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _whole_run(catalog: Catalog, names: tuple[str, ...]) -> Archive | None:
    names = tuple(filter(is_of_run, names))
    if all(role_of(name) == "data" for name in names):  # what --check_data has written is no run
        return None
    newest = replace(catalog, shown=tuple(found for found in catalog.shown if found.path.name in names)).newest
    return Archive(
        stamps(catalog.folder, names),
        whole_run=True,
        continue_with=None if newest is None else newest.path.name,
    )


def _later_names(checkpoint: Checkpoint, present: Catalog) -> list[str]:
    """Names of the run's files that are further than the checkpoint, and of damaged files, which may be further."""
    last_epoch = checkpoint.epoch if checkpoint.epoch_done else checkpoint.epoch - 1
    later = {
        found.path.name
        for found in present.shown
        if found.damage or found.run_id != checkpoint.run_id or found.global_step > checkpoint.global_step
    }
    # Epoch files by the number in the name: there may be thousands, too many to open.
    later |= {name for name in present.owned if role_of(name) == "epoch" and epoch_of(name) > last_epoch}
    later.add(LOGS)  # of another run: those of this one stay
    return [name for name in present.owned if name in later]


def _own_config(checkpoint: Checkpoint, neighbours: Catalog) -> Path | None:
    """The config.yaml beside a checkpoint, if it is the run's own and not a user's file of that name.

    It is the run's own if its content is the configuration in the checkpoint, or if the folder is the run's: it holds
    another checkpoint of the run, and latest is of no other run.

    Raises:
        ResumeError: It is the run's own and cannot be read.
    """
    file = checkpoint.path.parent / CONFIG
    others = [found for found in neighbours.shown if not found.damage and found.path.name != checkpoint.path.name]
    is_runs_folder = neighbours.run_id == checkpoint.run_id and checkpoint.run_id in {one.run_id for one in others}
    try:
        content = read_text(file, MAX_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, UnreadableError) as error:
        if not is_runs_folder:
            return None
        reason = error.strerror if isinstance(error, OSError) else error
        raise ResumeError(
            text(
                "{path}: the run's configuration cannot be read ({reason}). Repair the file, or move it away: the "
                "checkpoint carries the configuration too."
            ).format(path=file, reason=reason)
        ) from error
    return file if content and (content == checkpoint.config or is_runs_folder) else None


def _best_file(checkpoint: Checkpoint, checkpoint_dir: Path, archive: Archive | None) -> Path | None:
    """The file to link as the best model, if the present one is missing or makes way."""
    archived = {file.name for file in archive.files} if archive else set()
    if checkpoint.best_step is None or (place_of(checkpoint_dir / BEST).exists() and BEST not in archived):
        return None
    folder = checkpoint.path.parent
    moving = {checkpoint_dir.resolve() / name for name in archived}
    best_epoch = [] if checkpoint.best_epoch is None else [folder / epoch_file(checkpoint.best_epoch)]
    for path in [checkpoint.path, *best_epoch, folder / BEST]:
        if path.resolve() in moving:
            continue
        found = describe(path)
        if (found.damage, found.run_id, found.global_step) == (None, checkpoint.run_id, checkpoint.best_step):
            return path
    return None


def is_same_folder(one: Path, other: Path) -> bool:
    """Whether two paths mean one folder. A path that does not exist means no folder."""
    return other.exists() and one.samefile(other)
