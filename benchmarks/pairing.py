"""Time and memory of the pairing of many files: `python -m benchmarks.pairing [--files] [PAIRS …]` prints a table.

Each row is a process of its own, since memory that was used once stays with its process. The names are made in memory;
with `--files` they are those of empty files in a temporary folder, a thousand in each sub-folder, which are found by a
walk (a million pairs take minutes to make).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np

from datamodules.pairing.folders import images_below
from datamodules.pairing.packed_names import PackedNames
from datamodules.pairing.pairs import PairSettings, pair_folders

_TAILS = {"same stems": ("", ""), "tails": ("_img", "_mask")}


def main() -> None:
    """Print one line for each number of pairs, each kind of names, and patterns that are found or set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--files", action="store_true", help="make files, and walk through them")
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        folder, names, patterns = arguments.row
        print(_row(Path(folder), names, patterns, arguments.pairs[0], makes_names=not arguments.files))
        return
    print(f"{'pairs':>9}  {'names':10}  {'patterns':8}  {'walk s':>6}  {'pairing s':>9}  {'growth MB':>9}")
    for pairs in arguments.pairs:
        for names in _TAILS:
            with tempfile.TemporaryDirectory() as folder:
                _make_folders(Path(folder), pairs if arguments.files else 0, names)
                for patterns in ("found", "set"):
                    row = [str(pairs), "--row", folder, names, patterns, *(["--files"] if arguments.files else [])]
                    command = [sys.executable, "-m", "benchmarks.pairing", *row]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                    measured = done.stdout.rstrip()
                    print(f"{pairs:9,}  {names:10}  {patterns:8}  {measured}", flush=True)


def _make_folders(folder: Path, files: int, names: str) -> None:
    for side, tail in zip(("images", "gt"), _TAILS[names], strict=True):
        (folder / side).mkdir()
        for number, name in enumerate(_names(files, tail)):
            if number % 1000 == 0:
                (folder / side / name).parent.mkdir()
            os.close(os.open(folder / side / name, os.O_CREAT | os.O_WRONLY))


def _names(count: int, tail: str) -> Iterator[str]:
    return (f"{number // 1000:04}/cell_{number:07}{tail}.png" for number in range(count))


def _row(folder: Path, names: str, patterns: str, pairs: int, *, makes_names: bool) -> str:
    """Seconds of the walk and of the rest, and the growth of the most memory that the process has had."""
    tails = _TAILS[names]
    walks = 0.0

    def files_below(path: str, without: str | None = None) -> PackedNames:
        nonlocal walks
        start = time.perf_counter()
        tail = tails[Path(path).name == "gt"]
        found = PackedNames(_names(pairs, tail)) if makes_names else images_below(path, without)
        walks += time.perf_counter() - start
        return found

    settings = PairSettings()
    if patterns == "set":
        settings = PairSettings(f"{{stem}}{tails[0]}.*", f"{{stem}}{tails[1]}.*")
    np.random.default_rng(0).choice(2, 1)  # what numpy loads at its first use is not counted
    before, start = _most_memory(), time.perf_counter()
    with patch("datamodules.pairing.pairs.images_below", files_below):
        found = pair_folders(str(folder / "images"), str(folder / "gt"), settings)
    seconds = time.perf_counter() - start - walks
    assert len(found.pairs) == pairs
    return f"{walks:6.2f}  {seconds:9.2f}  {_most_memory() - before:9.0f}"


def _most_memory() -> float:
    """The most memory that this process has had, in MB; not known on Windows."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
