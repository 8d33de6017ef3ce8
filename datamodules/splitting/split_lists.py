"""Lists of the user's own that say which pairs are for training and which for validation: text files or tables."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from datamodules.data_errors import DataError, bullet_list
from datamodules.pairing.folders import SUFFIXES, composed
from datamodules.splitting.sides import LEFT_OUT, TRAINING, VALIDATION, SidesArray
from datamodules.text_tables import read_table
from resume.system.output import plural, text

# A list for testing is read too, so that its names are checked; its pairs are left out.
_ROLES = {
    **dict.fromkeys(("train", "training", "trn", "训练", "训练集"), TRAINING),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "验证", "验证集"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst", "测试", "测试集"), LEFT_OUT),
}
# The word above a column of names; another word there may be a name with a mistake in it.
_HEADERS = re.compile(
    r"(image|img|file|mask|label|gt)?[ _-]?(id|key|name|file|path|stem|image|img|mask|label|gt|pair|sample|slice)s?"
    r"|文件|文件名|名称|图像|图片",
    re.IGNORECASE,
)
_DELIMITERS = ",;\t"
_ROWS_TO_LOOK_AT = 1000

Row = list[str]


def sides_of_lists(
    stems: Sequence[str], files: Sequence[str], image_path: str | None, of_files: Sequence[Iterable[str]] = ()
) -> SidesArray:
    """Read the side of each pair from lists.

    A list is a text file with one name a line, or a table (CSV, also with semicolons or tabs) with a column of names.
    A file whose name contains `train`, `val` or `test` holds the pairs of that side; in any other table, a column says
    so for each row. A name is a stem or a file name, with or without folders and suffix.

    Args:
        stems: The names of the pairs.
        files: The lists.
        image_path: The folder of the images, by which a name may begin.
        of_files: The images, and the ground truth, of the pairs: paths whose names may have more than the stems.

    Returns:
        The side of each pair; `LEFT_OUT` for pairs that no list names.

    Raises:
        DataError: A file cannot be read or has no roles, a name matches no pair or several, a pair is on both sides,
            or a side is empty.
    """
    names = _Names(stems, image_path, of_files)
    found: dict[int, set[int]] = defaultdict(set)
    for file in files:
        for name, side in _entries(file, names):
            index = names.find(name, file)
            if index is not None:
                found[index].add(side)
    names.raise_problems()
    on_both = [stems[index] for index, sides in sorted(found.items()) if len(sides) > 1]
    if on_both:
        problem = plural(
            "{count} pair is in more than one list:", "{count} pairs are in more than one list:", len(on_both)
        )
        raise DataError(f"--data.split {' '.join(files)}: {problem}\n{bullet_list(on_both)}")
    sides = np.full(len(stems), LEFT_OUT, dtype=np.int8)
    for index, one in found.items():
        sides[index] = min(one)
    for side, role in ((TRAINING, text("training")), (VALIDATION, text("validation"))):
        if side not in sides:
            message = text("--data.split {files}: no pair for {role}. Give lists for both, such as train.txt val.txt.")
            raise DataError(message.format(files=" ".join(files), role=role))
    return sides


class _Names:
    """Finds the pair that a name in a list means, and collects the names that mean none or several."""

    def __init__(self, stems: Sequence[str], image_path: str | None, of_files: Sequence[Iterable[str]]) -> None:
        self._stems = stems
        self._kinds = [_Paths(stems)]
        self._of_files = list(of_files)  # which are looked at only where a name is no stem
        self._image_path = image_path
        self._unknown: list[str] = []
        self._ambiguous: list[str] = []

    def find(self, name: str, file: str) -> int | None:
        matches = self.matches(name)
        if len(matches) == 1:
            return matches[0]
        problems = self._ambiguous if matches else self._unknown
        shown = ", ".join(self._stems[index] for index in matches[:3])
        problems.append(f"{name} ({file})" + (f": {shown}" if matches else ""))
        return None

    def matches(self, name: str) -> list[int]:
        """Return the pairs that a name may mean: by their stems, else by their images, else by their ground truth."""
        for kind in self._kinds:
            if found := kind.matches(name):
                return found
        while self._of_files:
            paths = self._of_files.pop(0)
            self._kinds.append(_Paths([composed(path.rpartition(".")[0]) for path in paths]))
            if found := self._kinds[-1].matches(name):
                return found
        return []

    def raise_problems(self) -> None:
        """Raise one DataError with the names that match no pair, or several."""
        parts = []
        if self._unknown:
            count = len(self._unknown)
            parts.append(plural("{count} name matches no pair:", "{count} names match no pair:", count))
            parts.append(bullet_list(self._unknown))
        if self._ambiguous:
            count = len(self._ambiguous)
            parts.append(plural("{count} name matches several pairs:", "{count} names match several pairs:", count))
            parts.append(bullet_list(self._ambiguous))
        if parts:
            where = text("the images are in {folder}").format(folder=self._image_path)
            raise DataError("\n".join([f"--data.split ({where}):", *parts]))


class _Paths:
    """One path for each pair, without suffix; different pairs may have the same one.

    Args:
        paths: The paths, relative to a folder.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._endings: dict[str, list[int]] = defaultdict(list)  # by the last part of the path
        for index, path in enumerate(paths):
            self._endings[path.rpartition("/")[2]].append(index)

    def matches(self, name: str) -> list[int]:
        """Return the pairs with the whole path, else those whose paths end like it, else the one that it ends like."""
        path = composed(name.strip().replace("\\", "/")).removeprefix("./")
        stem, suffix = os.path.splitext(path)  # noqa: PTH122 (a Path for each name takes ten times as long)
        for whole in (path, stem) if suffix.lower() in SUFFIXES else (path,):
            alike = self._endings.get(whole.rpartition("/")[2], [])
            if same := [index for index in alike if self._paths[index] == whole]:
                return same
            if found := [index for index in alike if self._paths[index].endswith(f"/{whole}")]:
                return found
            if within := [index for index in alike if whole.endswith(f"/{self._paths[index]}")]:
                longest = max(len(self._paths[index]) for index in within)
                return [index for index in within if len(self._paths[index]) == longest]
        return []


def _entries(file: str, names: _Names) -> Iterator[tuple[str, int]]:
    """Yield each name of a list, and its side."""
    rows = _rows(file)
    if not rows:
        raise DataError(text("--data.split {file}: the file is empty.").format(file=file))
    side = _side_of_file(file)
    roles = None if side is not None else _column(rows, lambda cell: cell.strip().lower() in _ROLES)
    if side is None and roles is None:
        message = text(
            "--data.split {file}: neither the file's name nor a column says what is for training and what for "
            "validation. Name the files train.txt and val.txt, or give a table with a column of train and val."
        )
        raise DataError(message.format(file=file))
    column = _column(rows, lambda cell: bool(names.matches(cell))) or 0
    for number, row in enumerate(rows):
        cells = [row[0], row[column] if column < len(row) else ""]
        name = next(filter(names.matches, cells), cells[1]).strip()
        if not name or (name.startswith("#") and not names.matches(name)):
            continue
        role = "" if roles is None else (row[roles] if roles < len(row) else "").strip().lower()
        is_header = _HEADERS.fullmatch(name) is not None if roles is None else role not in _ROLES
        if number == 0 and is_header and not (roles is None and names.matches(name)):
            continue
        if roles is not None and role not in _ROLES:
            message = text("--data.split {file}, line {number}: {role!r} is not train, val or test.")
            raise DataError(message.format(file=file, number=number + 1, role=role))
        yield name, _ROLES[role] if side is None else side


def _rows(file: str) -> list[Row]:
    """Read each line that is not empty: the whole line, then its cells, or its words between spaces."""
    lines = [line for line in read_table(file, "data.split").splitlines() if line.strip()]
    delimiter = max(_DELIMITERS, key=lambda one: sum(one in line for line in islice(lines, _ROWS_TO_LOOK_AT)))
    is_table = all(delimiter in line for line in lines[:_ROWS_TO_LOOK_AT])
    cells = csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if is_table else map(str.split, lines)
    # The whole line comes first: names may contain spaces and commas.
    return [[line.strip().strip("\"'"), *row] for line, row in zip(lines, cells, strict=False)]


def _side_of_file(file: str) -> int | None:
    """Return the side that a file's name says, such as `train_list.txt`; None if it says none, or several."""
    words = re.split(r"[\W\d_]+", Path(file).stem.lower())
    sides = {_ROLES[word] for word in words if word in _ROLES}
    return sides.pop() if len(sides) == 1 else None


def _column(rows: Sequence[Row], fits: Callable[[str], bool]) -> int | None:
    """Return the column in which most cells fit, the first of several; None if no cell fits."""
    some = rows[:_ROWS_TO_LOOK_AT]
    counts = [
        sum(number < len(row) and fits(row[number]) for row in some) for number in range(max(len(row) for row in some))
    ]
    return counts.index(max(counts)) if any(counts) else None
