"""Pairs that a table of the user's own names: a CSV with the path of an image and of its ground truth in each row."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from datamodules.data_errors import DataError, bullet_list
from datamodules.pairing.folders import composed
from datamodules.text_tables import read_table
from resume.system.output import plural, text

_DELIMITERS = ",;\t"


def pairs_of_table(file: str, image_path: str, gt_path: str) -> list[tuple[str, str, str]]:
    """Read the pairs of a table.

    A path is relative to the image folder or the ground truth folder, or to the folder of the table, or absolute. A
    first row that names no files is a header.

    Returns:
        Stem, image and ground truth of each pair, the two paths relative to their folders where they are below these.

    Raises:
        DataError: The table cannot be read, a row has not two paths, a file does not exist, or an image occurs twice.
    """
    rows = _rows(file)
    places = [(Path(folder), Path(file).parent) for folder in (image_path, gt_path)]
    if rows and not any(_located(cell, place) for cell, place in zip(rows[0][1], places, strict=False)):
        rows = rows[1:]  # the header
    problems: list[str] = []
    found: dict[str, tuple[str, str]] = {}
    for number, row in rows:
        paths = [_located(cell, place) for cell, place in zip(row, places, strict=False)]
        missing = [cell for cell, path in zip(row, paths, strict=False) if path is None]
        if len(row) != 2:
            problems.append(text("row {number} has {count} columns, expected 2").format(number=number, count=len(row)))
        elif missing:
            problems += [text("row {number}: no file {name}").format(number=number, name=name) for name in missing]
        else:
            image, gt = (str(path) for path in paths)
            stem = composed(image.replace("\\", "/").rpartition(".")[0])
            if stem in found:
                problems.append(text("row {number}: {name} is there twice").format(number=number, name=row[0]))
            found[stem] = image, gt
    if problems:
        head = plural("{count} problem in the table:", "{count} problems in the table:", len(problems))
        raise DataError(f"--data.pairs {file}: {head}\n{bullet_list(problems)}")
    if not found:
        raise DataError(text("--data.pairs {file}: the table has no rows.").format(file=file))
    return [(stem, *pair) for stem, pair in found.items()]


def _rows(file: str) -> list[tuple[int, Sequence[str]]]:
    """Number and cells of each row that is not empty."""
    content = read_table(file, "data.pairs")
    first = content.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    return list(_cells(content, delimiter))


def _cells(content: str, delimiter: str) -> Iterator[tuple[int, Sequence[str]]]:
    for number, row in enumerate(csv.reader(content.splitlines(), delimiter=delimiter), start=1):
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield number, cells


def _located(cell: str, places: tuple[Path, Path]) -> Path | None:
    """The file of a cell, relative to the first place where it is below it; None if there is none."""
    for place in places:
        path = place / cell
        if cell and path.is_file():
            is_below = place == places[0] and path.resolve().is_relative_to(place.resolve())
            return Path(cell) if is_below and not Path(cell).is_absolute() else path.resolve()
    return None
