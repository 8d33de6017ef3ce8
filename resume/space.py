"""Room on the disk, looked at while every file is still in place."""

import shutil
from pathlib import Path

from resume.decision import Decision, StartOver
from resume.errors import ResumeError
from resume.messages import text
from resume.screen import size_text


def require_space(decision: Decision, needed: int) -> None:
    """See that a checkpoint can be written after the decision has been carried out.

    Args:
        decision: What is about to be applied; what it deletes counts as free.
        needed: Bytes that one checkpoint takes.

    Raises:
        ResumeError: It does not fit.
    """
    folder = decision.checkpoint_dir
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free + _freed(decision)
    if free < needed:
        raise ResumeError(
            text("{folder}: {free} are free on this disk, and one checkpoint takes {needed}.").format(
                folder=folder, free=size_text(free), needed=size_text(needed)
            )
            + " "
            + text("Make room, or choose another disk with --checkpoint_dir.")
        )


def _freed(decision: Decision) -> int:
    """Bytes that come free; the names of one linked file count once, and only if all of them go."""
    if not isinstance(decision, StartOver):
        return 0
    names_going: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], int] = {}
    for file in decision.files:
        path: Path = decision.checkpoint_dir / file.name
        if path.is_symlink() or not path.exists():
            continue
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        names_going[key] = names_going.get(key, 0) + 1
        sizes[key] = status.st_size if names_going[key] == status.st_nlink else 0
    return sum(sizes.values())
