"""The file of a `CSVLogger` that a resumed run continues; Lightning's own writer deletes it."""

import csv
import io
import locale
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from typing_extensions import override

from resume.system.durable_files import staged

_STEP = "step"
Row = dict[str, Any]


class ContinuedWriter(ExperimentWriter):
    """Writes behind the rows of the steps before `step`. The rows of later steps, if any, go to a file of their own.

    Args:
        log_dir: The logger's folder.
        step: The first step that this start logs.
    """

    def __init__(self, log_dir: str, step: int) -> None:
        super().__init__(log_dir)
        self.metrics_keys = cut(Path(self.metrics_file_path), step)

    @override
    def _check_log_dir_exists(self) -> None:
        """Lightning's own deletes the file."""

    @override
    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        # Lightning's own empties the file first: a process that is killed then loses it.
        path = Path(self.metrics_file_path)
        _write(path, fieldnames, _read(path)[1])


def cut(path: Path, step: int) -> list[str]:
    """Move the rows of this step and of later ones into a file beside it. A row that a kill cut short is dropped.

    Args:
        path: The file; it may be missing.
        step: The first step whose rows go.

    Returns:
        The columns.

    Raises:
        OSError: The file cannot be read or written.
    """
    if not path.exists():
        return []
    columns, rows, is_whole = _read(path)
    kept = [row for row in rows if _is_before(row, step)]
    later = [row for row in rows if not _is_before(row, step)]
    if later:
        _write(_free_name(path, step), columns, later)
    if later or not is_whole:
        _write(path, columns, kept)
    return columns


def _read(path: Path) -> tuple[list[str], list[Row], bool]:
    """Columns, rows, and whether the last row is whole."""
    content = path.read_bytes().decode(_encoding(), "replace")
    whole, end, _ = content.rpartition("\n")
    table = csv.DictReader(io.StringIO(whole + end, newline=""))
    return list(table.fieldnames or []), list(table), whole + end == content


def _write(path: Path, columns: list[str], rows: list[Row]) -> None:
    with staged(path) as temporary, temporary.open("w", encoding=_encoding(), newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def _encoding() -> str:
    return locale.getpreferredencoding(False)  # in which Lightning appends its rows


def _is_before(row: Row, step: int) -> bool:
    try:
        return int(row[_STEP]) < step
    except (KeyError, TypeError, ValueError):
        return False


def _free_name(path: Path, step: int) -> Path:
    stem = f"{path.stem}_from_step_{step}"
    number, free = 1, path.with_name(f"{stem}{path.suffix}")
    while free.exists():
        number += 1
        free = path.with_name(f"{stem}-{number}{path.suffix}")
    return free
