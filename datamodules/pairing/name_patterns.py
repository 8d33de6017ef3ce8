"""Patterns of file names: what the name of an image shares with that of its ground truth."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from datamodules.data_errors import DataError
from datamodules.pairing.folders import composed
from resume.system.output import text

STEM = "{stem}"
NUMBERS = "{numbers}"  # as `{stem}`, but 7, 07 and 0007 are the same
FOLDERS = "{folders}"  # the folders above, which the two share, while those behind it may differ
ANY_SUFFIX = ".*"
ALL_FILES = "/*"
_MOST_STARS = 3  # each costs a factor of the length of a name
_TOKENS = re.compile(r"\*\*/|\*|\?|\{stem\}|\{numbers\}|\{folders\}|.", re.DOTALL)
_MEANINGS = {"**/": r"(?:.*/)?", "*": r"[^/]*", "?": r"[^/]", FOLDERS: r"(?P<folders>.*)"}


class Rule(NamedTuple):
    """Two patterns: files with the same key are an image and its ground truth."""

    image_pattern: str
    gt_pattern: str


SAME_STEM = Rule(f"{STEM}{ANY_SUFFIX}", f"{STEM}{ANY_SUFFIX}")


class NamePattern:
    """A pattern such as `{stem}_mask.*`, in the syntax of shell patterns with one `{stem}`.

    Without a slash it describes the name of a file, and the folders are a part of what two names share. With one it
    describes the whole path below the image folder or the ground truth folder; `**/` stands for any folders, and
    `{folders}/` at its beginning for some that two names share. With `/*` at its end it describes a folder: all files
    in it belong to one image.

    Args:
        written: The pattern.
        flag: The flag that sets it, for messages.

    Raises:
        DataError: It has not exactly one `{stem}`, or too many stars.
    """

    def __init__(self, written: str, flag: str) -> None:
        self.written = composed(written)
        plain = self.written.removeprefix(f"{FOLDERS}/")
        rest = plain.replace(STEM, "", 1).replace(NUMBERS, "", 1)
        if len(rest) == len(plain) or "{" in rest or "}" in rest:
            message = text("--{flag} is {pattern!r}; it needs one {{stem}} for what image and ground truth share.")
            raise DataError(message.format(flag=flag, pattern=written))
        if rest.removesuffix(ANY_SUFFIX).replace("**/", "").count("*") > _MOST_STARS:
            message = text("--{flag} is {pattern!r}; it can have {most} stars at most.")
            raise DataError(message.format(flag=flag, pattern=written, most=_MOST_STARS))
        self.compares_numbers = NUMBERS in self.written
        self.is_of_folders = self.written.endswith(ALL_FILES)

    def key(self, name: str) -> str | None:
        """What the path of a file shares with that of its partner; None if it does not fit."""
        return next(self.keys([name]))

    def keys(self, names: Iterable[str]) -> Iterator[str | None]:
        """The key of each file."""
        if self._affixes is None:
            return (self._found(composed(name)) for name in names)
        return _between(names, *self._affixes)  # several times as fast, for sets of a million files

    def _found(self, name: str) -> str | None:
        folders, slash, last = ("", "", name) if self._has_folders else name.rpartition("/")
        found = self._expression.fullmatch(last)
        if found is None:
            return None
        if self._shares_folders:
            folders, slash = found["folders"], "/"
        key = f"{folders}{slash}{found['stem']}"
        return unpadded(key) if self.compares_numbers else key

    @cached_property
    def _affixes(self) -> tuple[str, str] | None:
        """Head and tail of a pattern that has nothing else beside `{stem}` and any suffix."""
        head, field, tail = self.written.removesuffix(ANY_SUFFIX).partition(STEM)
        is_plain = field and self.written.endswith(ANY_SUFFIX) and not set("*?/") & {*head, *tail}
        return (head, tail) if is_plain else None

    @property
    def _has_folders(self) -> bool:
        return "/" in self.written

    @property
    def _shares_folders(self) -> bool:
        return self.written.startswith(f"{FOLDERS}/")

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        written = self.written.removesuffix(ANY_SUFFIX)
        is_path = self._has_folders and "**/" not in written and not self._shares_folders
        stem = "(?P<stem>.*)" if is_path else "(?P<stem>[^/]*)"
        meanings = {**_MEANINGS, STEM: stem, NUMBERS: stem}
        parts = [meanings.get(token, re.escape(token)) for token in _TOKENS.findall(written)]
        suffix = r"\.[^./]*" if written != self.written else ""
        return re.compile("".join(parts) + suffix)


def unpadded(key: str) -> str:
    """The key with its numbers as if they were not padded with zeros."""
    return re.sub(r"0*(\d+)", r"\1", key)


def _between(names: Iterable[str], head: str, tail: str) -> Iterator[str | None]:
    ending = f"{tail}."  # with the suffix of the file before, which most files of a folder share
    for any_name in names:
        name = any_name if any_name.isascii() else composed(any_name)
        if not name.endswith(ending):
            ending = tail + name[name.rfind(".") :]
            if not name.endswith(ending):
                yield None
                continue
        key = name[: len(name) - len(ending)]
        if head:
            start = key.rfind("/") + 1
            if not key.startswith(head, start):
                yield None
                continue
            key = key[:start] + key[start + len(head) :]
        yield key
