"""Reading what a checkpoint says about itself, and comparing the whole checkpoint with it.

Nothing in a checkpoint is ever executed here. The run entry is JSON (`run_json`); the pickles are only looked through,
before torch reads them.
"""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from resume.checkpoints.nan_search import find_nan
from resume.checkpoints.paths import content_file, place_of, size_and_time
from resume.checkpoints.pickle_check import MAX_PICKLE_BYTES, require_harmless
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.run_json import MAX_BYTES, Part, RunJson, decode, too_large
from resume.checkpoints.shard_table import read_table
from resume.checkpoints.zip_archive import (
    CHUNK,
    archive_errors,
    directory_of,
    open_archive,
    open_regular_file,
    require_whole_form,
)
from resume.run_files import RUN_ENTRY, SHARDS_CONTENT, SHARDS_TABLE
from resume.system.errors import UnreadableError
from resume.system.output import text

_GLANCED_BYTES = 4096  # of each tensor
_STORAGE = "data/"  # and a number, which counts up
_MAX_GLANCED_PICKLE = 2**18  # bytes; a network of a thousand tensors and the history of a hundred epochs


class ForeignError(UnreadableError):
    """A checkpoint, or something that looks like one, which this program has not written."""

    def __init__(self) -> None:
        super().__init__(text("not of this program (no {file})").format(file=RUN_ENTRY))


def read_run(path: Path) -> RunEntry:
    """Read the run entry of a checkpoint; no pickle is opened.

    Raises:
        ForeignError: The checkpoint holds none.
        UnreadableError: The checkpoint is cut short, or its run entry is damaged.
    """
    place = place_of(path)
    if place.is_dir():
        return _run_json_of_folder(place).run
    with open_archive(place) as archive:
        return _run_json_of(archive).run


def nan_at_a_glance(path: Path) -> str | None:
    """Why nothing can be trained from a checkpoint file, as far as the first numbers of each weight tell (30 ms).

    None also if that would take longer; `require_intact` looks at all numbers.
    """
    place = place_of(path)
    try:
        if place.is_dir():
            return None
        with open_archive(place) as archive:
            content = pickle_of(archive)
            if len(content) > _MAX_GLANCED_PICKLE:
                return None
            require_harmless(content)
            name = find_nan(archive, content, most=_GLANCED_BYTES)
    except UnreadableError:
        return None
    return None if name is None else _nan_text(name)


def find_run(path: Path) -> RunEntry | None:
    """As `read_run`; None if the checkpoint holds no run entry."""
    try:
        return read_run(path)
    except ForeignError:
        return None


def require_intact(path: Path) -> None:
    """Read a whole checkpoint and compare it with its sizes and checksums (0.6 s for 335 MB).

    The pickles in it that torch will read must refer to nothing but tensors and plain containers, and must cost little.
    The weights in a file must be no NaN; the shards of a folder are not searched for it.

    Raises:
        UnreadableError: As `read_run`; or the content has changed, would run code, would take too long to load, or
            holds NaN.
    """
    place = place_of(path)
    if place.is_dir():
        _require_intact_folder(place)
        return
    with open_archive(place) as archive:
        run_json = _run_json_of(archive)
        _compare(parts_of_archive(archive), run_json.entries)
        _require_intact_archive(archive)
        name = find_nan(archive, pickle_of(archive))
        if name is not None:
            raise UnreadableError(_nan_text(name))


def saved_storages(path: Path) -> list[Part]:
    """Size and CRC-32 of each storage, as its save noted them, in the order in which torch loads them.

    Of a folder of shards, those in `meta.pt`.

    Raises:
        ForeignError, UnreadableError: As `read_run`.
    """
    place = place_of(path)
    with open_archive(content_file(place)) as archive:
        noted = parts_of_archive(archive) if place.is_dir() else _run_json_of(archive).entries
    storages = {name[len(_STORAGE) :]: part for name, part in noted.items() if name.startswith(_STORAGE)}
    return [storages[number] for number in sorted(storages, key=lambda number: (len(number), number))]


def _require_intact_folder(folder: Path) -> None:
    noted = dict(_run_json_of_folder(folder).entries)
    with archive_errors(folder):
        found = {name: part_of_file(folder / name) for name in (SHARDS_CONTENT, SHARDS_TABLE)}
    _compare(found, {name: noted.pop(name) for name in found if name in noted})
    with open_archive(content_file(folder)) as archive:
        _require_intact_archive(archive)
    for name, offset, length in read_table(folder).places:
        with open_archive(folder / name, (offset, length)) as archive:
            _require_intact_archive(archive)
    if noted:  # not in folders that were saved before the shards were noted
        _compare(parts_of_shards(folder), noted)


def _require_intact_archive(archive: zipfile.ZipFile) -> None:
    require_whole_form(archive)
    require_harmless(pickle_of(archive))
    broken = archive.testzip()
    if broken is not None:
        raise damaged(broken)


def _run_json_of(archive: zipfile.ZipFile) -> RunJson:
    name = _find(archive, RUN_ENTRY)
    if name is None:
        raise ForeignError
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise too_large()
    try:
        return decode(archive.read(name))
    except zipfile.BadZipFile as error:
        raise damaged(name) from error


def _run_json_of_folder(folder: Path) -> RunJson:
    path = folder / RUN_ENTRY
    if not path.exists():
        raise ForeignError
    with archive_errors(path), open_regular_file(path) as file:
        return decode(file.read(MAX_BYTES + 1))


def part_of_file(path: Path) -> Part:
    """Size and CRC-32 of a file.

    Raises:
        OSError: The file cannot be read.
        UnreadableError: `path` is no regular file.
    """
    size = checksum = 0
    with open_regular_file(path) as file:
        while block := file.read(CHUNK):
            size, checksum = size + len(block), zlib.crc32(block, checksum)
    return size, checksum


def parts_of_archive(archive: zipfile.ZipFile) -> dict[str, Part]:
    """Size and CRC-32 of every entry but `run.json`, by its name without the top folder, as the directory says."""
    entries = {entry.filename.partition("/")[2]: (entry.file_size, entry.CRC) for entry in archive.infolist()}
    entries.pop(RUN_ENTRY, None)
    return entries


def parts_of_shards(folder: Path) -> dict[str, Part]:
    """Size of every shard, and CRC-32 of the directories of the archives in it.

    The directories hold the checksums of the contents, so that no content has to be read for it.

    Raises:
        UnreadableError: A shard or the table is damaged.
    """
    checksums: dict[str, int] = {}
    for name, offset, length in sorted(read_table(folder).places):
        with open_archive(folder / name, (offset, length)) as archive:
            for record in directory_of(archive).records:
                checksums[name] = zlib.crc32(record.in_directory(), checksums.get(name, 0))
    with archive_errors(folder):
        return {name: (size_and_time(folder / name)[0], checksum) for name, checksum in checksums.items()}


def _compare(found: Mapping[str, Part], noted: Mapping[str, Part]) -> None:
    """Compare sizes and checksums with those that `run.json` has noted.

    Raises:
        UnreadableError: A part was changed, added or removed since the save.
    """
    for name in sorted({*found, *noted}):
        if found.get(name) != noted.get(name):
            raise damaged(name)


def _find(archive: zipfile.ZipFile, name: str) -> str | None:
    found = [entry for entry in archive.namelist() if entry.partition("/")[2] == name]
    return found[0] if len(found) == 1 else None


def pickle_of(archive: zipfile.ZipFile) -> bytes:
    """The pickle of a checkpoint, which says what is in it.

    Raises:
        UnreadableError: There is none, or it is too large or damaged.
    """
    name = _find(archive, "data.pkl")
    if name is None:
        raise UnreadableError(text("not a Lightning checkpoint"))
    if archive.getinfo(name).file_size > MAX_PICKLE_BYTES:
        raise UnreadableError(text("{entry} is too large").format(entry=name))
    try:
        with archive.open(name) as file:
            return b"".join(iter(lambda: file.read(CHUNK), b""))
    except zipfile.BadZipFile as error:
        raise damaged(name) from error


def _nan_text(name: str) -> str:
    return text("its weights are NaN ({name})").format(name=name)


def damaged(entry: str) -> UnreadableError:
    """The error for a part of a checkpoint that is not as it was saved."""
    return UnreadableError(text("damaged content ({entry})").format(entry=entry))
