"""What has to make way before a run can go on from a checkpoint, and where it goes on."""

import os
import re
from dataclasses import replace
from pathlib import Path

from resume.checkpoints.catalog import (
    BEST,
    CONFIG,
    LEFTOVER_ROLE,
    Catalog,
    epoch_of,
    read_catalog,
    role_of,
    same_files,
    stamps,
)
from resume.checkpoints.description import Checkpoint, describe
from resume.decision import Archive, Fresh, Resume

ARCHIVE = "archive"
ARCHIVE_NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


def plan_fresh(checkpoint_dir: Path, catalog: Catalog) -> Fresh:
    """A new run in a folder; what the folder holds of an earlier one is archived, never deleted."""
    return Fresh(checkpoint_dir, _whole_run(catalog, catalog.owned))


def plan_resume(checkpoint: Checkpoint, checkpoint_dir: Path) -> Resume:
    """Go on from a checkpoint.

    - Another run lies in the folder, or the checkpoint lies elsewhere: the present run is archived whole.
    - An older checkpoint of the present run: what is later than it is archived.

    Args:
        checkpoint: A sound one.
        checkpoint_dir: The folder in which the run goes on.
    """
    present = read_catalog(checkpoint_dir)
    is_at_home = is_same_folder(checkpoint.path.parent, checkpoint_dir)
    staying = same_files(checkpoint.path, checkpoint_dir, present.owned)
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
    """Whether a save gave the checkpoint its name and did not come to that of latest."""
    latest = present.find("latest")
    is_older = latest is None or (not latest.damage and latest.global_step < checkpoint.global_step)
    return checkpoint.kind in ("best", "epoch") and is_older


def folder_for(checkpoint: Checkpoint, default: Path) -> Path:
    """Where a run goes on that is resumed from a path: in its own folder.

    That is the folder of the checkpoint if it also holds the run's own config.yaml; for an archived run the
    folder that holds the archive; else `default`.
    """
    folder = checkpoint.path.parent
    home = home_of(checkpoint.path)
    return home if home != folder or _own_config(checkpoint, read_catalog(folder)) else default


def home_of(path: Path) -> Path:
    """The folder that a checkpoint lies in, or of an archived one the folder that holds the archive."""
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow links to another folder
    if folder.parent.name == ARCHIVE and ARCHIVE_NAME.fullmatch(folder.name):
        return _as_short_as_possible(folder.parent.parent)
    return path.parent


def _as_short_as_possible(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _whole_run(catalog: Catalog, names: tuple[str, ...]) -> Archive | None:
    names = tuple(name for name in names if role_of(name) != LEFTOVER_ROLE)  # of no use; `apply` removes them
    if not names:
        return None
    newest = replace(catalog, shown=tuple(found for found in catalog.shown if found.path.name in names)).newest
    return Archive(
        stamps(catalog.folder, names),
        whole_run=True,
        continue_with=None if newest is None else newest.path.name,
    )


def _later_names(checkpoint: Checkpoint, present: Catalog) -> list[str]:
    """Names of the run's files that are further than the checkpoint, and of damaged ones, which may be."""
    last_epoch = checkpoint.epoch if checkpoint.epoch_done else checkpoint.epoch - 1
    later = {
        found.path.name
        for found in present.shown
        if found.damage or found.run_id != checkpoint.run_id or found.global_step > checkpoint.global_step
    }
    # By the number in the name: there may be thousands.
    later |= {name for name in present.owned if role_of(name) == "epoch" and epoch_of(name) > last_epoch}
    return [name for name in present.owned if name in later]


def _own_config(checkpoint: Checkpoint, neighbours: Catalog) -> Path | None:
    """The config.yaml beside a checkpoint, if it is the run's own.

    A user's file may have that name. It is the run's if it says what the checkpoint says, or where the folder
    is the run's: another of its checkpoints lies there, and latest is of no other run.
    """
    file = checkpoint.path.parent / CONFIG
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    others = [found for found in neighbours.shown if not found.damage and found.path.name != checkpoint.path.name]
    is_runs_folder = neighbours.run_id == checkpoint.run_id and checkpoint.run_id in {one.run_id for one in others}
    return file if content and (content == checkpoint.config or is_runs_folder) else None


def _best_file(checkpoint: Checkpoint, checkpoint_dir: Path, archive: Archive | None) -> Path | None:
    """The file that has to become best_model.pth again, where that one is missing or makes way."""
    archived = {file.name for file in archive.files} if archive else set()
    if checkpoint.best_step is None or ((checkpoint_dir / BEST).exists() and BEST not in archived):
        return None
    folder = checkpoint.path.parent
    moving = {checkpoint_dir.resolve() / name for name in archived}
    candidates = [checkpoint.path, folder / f"checkpoint_epoch_{checkpoint.best_epoch}.pth", folder / BEST]
    for path in candidates:
        if path.resolve() in moving:
            continue
        found = describe(path)
        if (found.damage, found.run_id, found.global_step) == (None, checkpoint.run_id, checkpoint.best_step):
            return path
    return None


def is_same_folder(one: Path, other: Path) -> bool:
    """Whether two paths mean one folder; one that does not exist is no other's."""
    return other.exists() and one.samefile(other)
