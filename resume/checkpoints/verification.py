"""What a checkpoint says about itself, read without torch; nothing in the file is ever executed.

A checkpoint is a zip archive. Its `*/data.pkl` describes everything but the tensors' numbers, which lie in
entries of their own; to describe it, they are not read. Of a folder of shards, `meta.pt` is such an archive.
"""

import zipfile
from pathlib import Path
from typing import Any

from resume.checkpoints.paths import content_file, place_of
from resume.checkpoints.pickle_check import MAX_BYTES, read_pickle
from resume.checkpoints.shard_table import read_table
from resume.checkpoints.zip_archive import CHUNK, open_archive
from resume.system.errors import UnreadableError
from resume.system.output import text


def read_run(path: Path) -> dict[str, Any]:
    """The `run` entry of a checkpoint: plain values.

    Raises:
        UnreadableError: The file is cut short, would run code, is no checkpoint, or none of this program.
    """
    with open_archive(content_file(path)) as archive:
        return _run_of(archive)


def require_intact(path: Path) -> None:
    """Read a whole checkpoint, and compare it with the checksums that it carries: 0.3 s for 300 MB.

    Raises:
        UnreadableError: As `read_run`, or the content has changed.
    """
    with open_archive(content_file(path)) as archive:
        _run_of(archive)
        _compare(archive)
    place = place_of(path)
    if place.is_dir():
        for name, offset, length in read_table(place).places:
            with open_archive(place / name, (offset, length)) as archive:
                _description(archive)  # torch would read it by plain pickle
                _compare(archive)


def _compare(archive: zipfile.ZipFile) -> None:
    broken = archive.testzip()
    if broken is not None:
        raise _damaged(broken)


def _run_of(archive: zipfile.ZipFile) -> dict[str, Any]:
    content = _description(archive)
    if not isinstance(content, dict) or not {"state_dict", "loops"} & content.keys():
        raise UnreadableError(text("not a Lightning checkpoint"))
    run = content.get("run")
    if not isinstance(run, dict) or not isinstance(run.get("run_id"), str):
        raise UnreadableError(text("not a checkpoint of this program"))
    return run


def _description(archive: zipfile.ZipFile) -> Any:
    names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(names) != 1:
        raise UnreadableError(text("not a Lightning checkpoint"))
    if archive.getinfo(names[0]).file_size > MAX_BYTES:
        raise UnreadableError(text("description too large"))
    try:
        with archive.open(names[0]) as file:
            data = b"".join(iter(lambda: file.read(CHUNK), b""))
    except zipfile.BadZipFile as error:
        raise _damaged(names[0]) from error
    return read_pickle(data)


def _damaged(entry: str) -> UnreadableError:
    return UnreadableError(text("damaged content ({entry})").format(entry=entry))
