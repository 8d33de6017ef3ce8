"""Compare two run folders bit for bit."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from resume.checkpoints.verification import read_run
from resume.run_files import BEST, CONFIG, EPOCH_FILES, HISTORY_CSV, HISTORY_PNG, LATEST

CHECKPOINTS = (LATEST, BEST, EPOCH_FILES)
# These depend on the clock, on the number of starts and on the folder, but not on what was trained.
_IDENTITY = ("run_id", "resumed_from", "signature")
IGNORED_ENTRIES = frozenset({*_IDENTITY, "saved_at", "seconds", "resumes", "checkpoint_dir", "job"})
IGNORED_COLUMNS = frozenset({"seconds", "resumed"})
# Lightning's count of the batches of a finished validation; a resume restarts the count.
IGNORED_PLACE = "loops.fit_loop.epoch_loop.val_loop.batch_progress"
_SHOWN = 10


def compare_runs(folder_a: Path, folder_b: Path) -> list[str]:
    """Compare the files of two runs, for instance of a resumed run and of the uninterrupted one.

    The comparison covers latest, best and all epoch files with all their contents, the history and `config.yaml`. Only
    the entries of `IGNORED_ENTRIES` and the columns of `IGNORED_COLUMNS` may differ. `interrupted_checkpoint.pth` is
    not compared, because an uninterrupted run has none.

    Args:
        folder_a: `checkpoint_dir` of the first run.
        folder_b: `checkpoint_dir` of the second run.

    Returns:
        One line for each difference, at most ten for each file; none if the runs are the same.
    """
    names = {file.name for folder in (folder_a, folder_b) for pattern in CHECKPOINTS for file in folder.glob(pattern)}
    lines = [line for name in sorted({CHECKPOINTS[0], *names}) for line in _of_file(folder_a, folder_b, name)]
    for name in (HISTORY_CSV, CONFIG, HISTORY_PNG):
        lines += _of_file(folder_a, folder_b, name)
    return lines


def _of_file(folder_a: Path, folder_b: Path, name: str) -> list[str]:
    missing = [folder for folder in (folder_a, folder_b) if not (folder / name).is_file()]
    if missing:
        return [f"{name}: missing in {folder}" for folder in missing]
    if name == HISTORY_PNG:  # the picture shows the resumes, so only its presence is compared
        return []
    contents = []
    for folder in (folder_a, folder_b):
        try:
            contents.append(_content(folder / name))
        except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way, and counts as a difference
            return [f"{name}: in {folder} it cannot be read: {type(error).__name__}: {error}"]
    found = [f"{name}: {line}" for line in differences(*contents)]
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], f"{name}: {len(found) - _SHOWN} further differences"]


def _content(path: Path) -> Any:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [
                {name: value for name, value in row.items() if name not in IGNORED_COLUMNS}
                for row in csv.DictReader(file)
            ]
    if path.suffix == ".yaml":
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    run = read_run(path)
    return {**checkpoint, "run": {**run.to_dict(), "config": yaml.safe_load(run.config)}}


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """One line for each place at which two nested structures of plain values and tensors differ in any bit."""
    if type(one) is not type(other):
        yield f"{place}: {type(one).__name__} {_short(one)} and {type(other).__name__} {_short(other)}"
    elif isinstance(one, dict):
        yield from _of_entries(one, other, place)
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            yield f"{place}: {len(one)} and {len(other)} entries"
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from differences(*pair, f"{place}[{number}]")
    elif not _same_bits(one, other):
        yield f"{place}: {_short(one)} and {_short(other)}"


def _of_entries(one: dict[Any, Any], other: dict[Any, Any], place: str) -> Iterator[str]:
    for key in [*one, *(key for key in other if key not in one)]:
        where = f"{place}.{key}" if place else str(key)
        if key in IGNORED_ENTRIES or where == IGNORED_PLACE:
            continue
        if key in one and key in other:
            yield from differences(one[key], other[key], where)
        else:
            yield f"{where}: only in the {'first' if key in one else 'second'}"


def _same_bits(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        if (one.dtype, one.shape) != (other.dtype, other.shape):
            return False
        # As bytes: NaN differs from itself, and 0.0 equals -0.0.
        bits = [tensor.reshape(-1).contiguous().view(torch.uint8) for tensor in (one, other)]
        return torch.equal(bits[0], bits[1])
    if isinstance(one, float):
        return bool(one.hex() == other.hex())
    return bool(one == other)


def _short(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)} of mean {value.double().mean():.9g}"
    return repr(value)[:80]
