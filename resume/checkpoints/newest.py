"""The newest checkpoint of a folder that passes every test, and why the others do not."""

from collections.abc import Iterator
from pathlib import Path

from resume.checkpoints.catalog import SEARCHED_EPOCH_FILES, Catalog, read_catalog, same_files
from resume.checkpoints.description import Checkpoint, describe
from resume.checkpoints.run_config import settings_of
from resume.checkpoints.verification import require_intact
from resume.run_files import epoch_of, role_of
from resume.system.errors import ResumeError, UnreadableError
from resume.system.output import text


def newest_first(catalog: Catalog) -> Iterator[Checkpoint]:
    """The checkpoints of a folder, the newest first. Epoch files are opened only as far as the caller iterates.

    A checkpoint that `why_not` refuses at a glance has no known age. It comes before all that it may be newer than.
    """
    newest = catalog.newest
    shown = [found.path.name for found in catalog.shown]
    names = [name for name in reversed(catalog.owned) if role_of(name) == "epoch" and name not in shown]
    count = sum(newest is None or epoch_of(name) > newest.epochs_done for name in names)
    above, below = names[:count], names[count:]
    rest = [*catalog.shown, *(describe(catalog.folder / name, "epoch") for name in above[:SEARCHED_EPOCH_FILES])]
    refused = [found for found in rest if not _is_candidate(found, catalog.run_id)]
    yield from refused
    if newest is not None:
        yield newest
    older = [describe(catalog.folder / name, "epoch") for name in below[:SEARCHED_EPOCH_FILES]]
    yield from (found for found in older if not _is_candidate(found, catalog.run_id))
    candidates = [found for found in rest + older if _is_candidate(found, catalog.run_id) and found != newest]
    yield from sorted(candidates, key=lambda found: found.age_key, reverse=True)
    for name in above[SEARCHED_EPOCH_FILES:] + below[SEARCHED_EPOCH_FILES:]:
        yield describe(catalog.folder / name, "epoch")


def why_not(found: Checkpoint, run_id: str | None) -> str | None:
    """Why a run cannot be resumed from a checkpoint; None if it can. The whole checkpoint is read.

    Args:
        found: The checkpoint.
        run_id: The run; None for any.
    """
    if found.damage is not None:
        return found.damage
    if not _is_candidate(found, run_id):
        return text("of another run")
    try:
        settings_of(found.config)
        require_intact(found.path)
    except UnreadableError as error:
        return str(error)
    return None


def _is_candidate(found: Checkpoint, run_id: str | None) -> bool:
    return found.damage is None and run_id in (None, found.run_id)


def refusal(path: Path, reason: str) -> str:
    """The message for a checkpoint that does not load: the reason, and which other checkpoint is usable."""
    return text("{path} cannot be loaded: {reason}. {advice}").format(
        path=path, reason=reason, advice=advice_instead_of(path)
    )


def advice_instead_of(path: Path) -> str:
    """Which other checkpoint of the folder is usable."""
    try:
        catalog = read_catalog(path.parent)
    except ResumeError:
        return text("Use another checkpoint.")
    linked = same_files(path, path.parent, catalog.owned)  # these share the damage
    for found in newest_first(catalog):
        if found.path.name not in linked and why_not(found, catalog.run_id) is None:
            return text("Use --ckpt_path {path}, the newest usable checkpoint in this folder.").format(path=found.path)
    return text("No other usable checkpoint in this folder. Use --no_interactive for a new run.")
