"""`run.json`: how a checkpoint holds its run entry, and the sizes and checksums of its other parts.

The file is plain JSON, which the menu can read without torch and without opening a pickle. Anybody may have written
it, so the reader trusts nothing: neither its size nor its depth nor its numbers.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resume.checkpoints.run_entry import LARGEST_INTEGER, RunEntry
from resume.run_files import RUN_ENTRY
from resume.system.errors import UnreadableError
from resume.system.output import text

FORMAT = 1
MAX_BYTES = 2**20
# So many sizes and checksums fit, at 33 bytes each, beside a configuration of the usual length.
MAX_PARTS = 31_000
_MAX_DEPTH = 20
_LONGEST_NUMBER = 40  # characters; Python writes a float in 24 and the largest integer in 20
_KEYS = {"format", "entries", "run"}

# Size in bytes, and CRC-32.
Part = tuple[int, int]


@dataclass(frozen=True)
class RunJson:
    """The content of a `run.json`.

    Attributes:
        run: The run entry.
        entries: Size and CRC-32 of every other part of the checkpoint by its name: the entries of the archive without
            the name of its top folder, or the files of a folder of shards; for a shard, the CRC-32 of the directories
            in it. Folders that were saved earlier have none for shards.
    """

    run: RunEntry
    entries: Mapping[str, Part]

    def encoded(self) -> bytes:
        """The file's content.

        Raises:
            ValueError: It would be larger than the reader accepts.
        """
        content = {"format": FORMAT, "entries": self.entries, "run": self.run.to_dict()}
        encoded = json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
        if len(encoded) > MAX_BYTES:
            raise ValueError(
                text(
                    "{file} would have {size} bytes, at most {limit} are allowed: the checkpoint holds {count} tensors "
                    "and other parts, and a configuration of {length} characters."
                ).format(
                    file=RUN_ENTRY,
                    size=len(encoded),
                    limit=MAX_BYTES,
                    count=len(self.entries),
                    length=len(self.run.config),
                )
            )
        return encoded


def decode(content: bytes) -> RunJson:
    """Read the content of a `run.json`.

    Raises:
        UnreadableError: It is too large, not plain JSON, of another format, or an entry is missing or wrong.
    """
    if len(content) > MAX_BYTES:
        raise too_large()
    values = _plain_values(content)
    if type(values) is not dict or "format" not in values:
        raise _wrong("format")
    found = values["format"]
    if type(found) is not int or found != FORMAT:
        shown = found if type(found) is int else type(found).__name__
        raise UnreadableError(
            text("{file} has format {found}, this program reads {format}").format(
                file=RUN_ENTRY, found=shown, format=FORMAT
            )
        )
    if values.keys() != _KEYS:
        raise _wrong(min(values.keys() ^ _KEYS)[:_LONGEST_NUMBER])
    return RunJson(RunEntry.from_dict(values["run"]), _parts(values["entries"]))


def too_large() -> UnreadableError:
    """The reason for a file that is larger than the reader accepts."""
    return UnreadableError(text("{file} is too large").format(file=RUN_ENTRY))


def _plain_values(content: bytes) -> Any:
    try:
        values = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise UnreadableError(text("{file} is not valid JSON").format(file=RUN_ENTRY)) from error
    _require_flat(values)
    return values


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise UnreadableError(text("{file} has a key twice").format(file=RUN_ENTRY))
    return values


def _integer(written: str) -> int:
    if len(written) > _LONGEST_NUMBER or abs(int(written)) > LARGEST_INTEGER:
        raise _wrong_number()
    return int(written)


def _finite(written: str) -> float:
    if len(written) > _LONGEST_NUMBER or not math.isfinite(float(written)):
        raise _wrong_number()
    return float(written)


def _no_constant(_written: str) -> float:
    raise _wrong_number()  # NaN and the infinities, which are no JSON


def _wrong_number() -> UnreadableError:
    return UnreadableError(text("{file} has a number out of range").format(file=RUN_ENTRY))


def _require_flat(values: Any) -> None:
    level, depth = [values], 0
    while level := [value for value in level if type(value) in (dict, list)]:
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableError(text("{file} is nested too deeply").format(file=RUN_ENTRY))
        level = [item for value in level for item in (value.values() if type(value) is dict else value)]


def _parts(values: Any) -> dict[str, Part]:
    if type(values) is not dict:
        raise _wrong("entries")
    for part in values.values():
        is_pair = type(part) is list and len(part) == 2 and all(type(number) is int for number in part)
        if not is_pair or part[0] < 0 or not 0 <= part[1] < 2**32:
            raise _wrong("entries")
    return {name: (size, checksum) for name, (size, checksum) in values.items()}


def _wrong(name: str) -> UnreadableError:
    return UnreadableError(text("wrong or missing entry: {entry}").format(entry=name))
