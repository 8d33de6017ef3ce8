"""The archive: `archive/<UTC time>/` in the folder of the run. Nothing in it is ever moved or deleted."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from resume.checkpoints.paths import place_of
from resume.run_files import ARCHIVE, archive_name, is_archive_name
from resume.system.durable_files import link
from resume.system.errors import ResumeError
from resume.system.output import text


def free_archive_name(folder: Path) -> str:
    """The name of a folder in the archive that does not exist: the time, with -2, -3, … if that name is taken.

    The archive itself is made.

    Raises:
        OSError: It cannot be made.
    """
    (folder / ARCHIVE).mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    number = 1
    while os.path.lexists(folder / ARCHIVE / archive_name(now, number)):
        number += 1
    return archive_name(now, number)


def keep_in_archive(folder: Path, name: str) -> Path:
    """Give a checkpoint of a run the further name `archive/<UTC time>/name`, and return that name.

    It also keeps its own name until that is given to another file, so a kill at any moment loses nothing, and a start
    that is repeated finds it.

    Raises:
        ResumeError: The system refused.
    """
    source = place_of(folder / name)
    for earlier in sorted((folder / ARCHIVE).glob(f"*/{name}")):
        if is_archive_name(earlier.parent.name) and earlier.samefile(source):
            return earlier
    target = folder / ARCHIVE
    try:
        target /= free_archive_name(folder)
        target.mkdir()
        link(source, target / name)
    except OSError as error:
        with contextlib.suppress(OSError):
            target.rmdir()
        raise ResumeError(
            text("{path}: cannot be written ({reason}).").format(path=target, reason=error.strerror)
        ) from error
    return target / name
