"""Time of `train.py --check_data` beside a decode alone: `python -m benchmarks.check_data [PAIRS …]` prints a table.

The files are drawn into a temporary folder: colour images and masks of 256 × 256 pixels, as PNG. Both sides read them
with the program's own reader in as many threads, and take turns; the shortest of `--repeat` turns counts. The start of
the program is not counted. Beside the time that passes, the table has the time of all processors, which says more where
other programs run.
"""

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from datamodules.reading.rasters import read_raster
from datamodules.reading.threads import in_threads
from launch.cli import TrainCLI
from launch.data_report import check_data
from resume.arguments import read_arguments
from resume.configuration import default_configs
from resume.decision import Fresh
from resume.run_files import DATA_SCAN
from resume.system.launch_info import SHELL

_SIDE = 256
_GRAIN = 0.7  # grey levels: files of 45 kB, as public sets of this size have them


def main() -> None:
    """Print one line for each number of pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", type=int, default=[1_000, 10_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the pairs are drawn, and kept for the next time")
    arguments = parser.parse_args()
    print(f"{'pairs':>7}  {'of':9}  {'decode s':>8}  {'check s':>8}  {'ratio':>5}  {'with cache s':>12}")
    for pairs in arguments.pairs:
        with contextlib.ExitStack() as exits:
            folder = arguments.folder or Path(exits.enter_context(tempfile.TemporaryDirectory()))
            for row in _rows(folder / str(pairs), pairs, arguments.repeat):
                print(row, flush=True)


def _rows(folder: Path, pairs: int, repeat: int) -> Iterator[str]:
    list(in_threads(lambda number: _draw(folder, number), range(pairs)))
    files = [str(path) for side in ("images", "gt") for path in sorted((folder / side).iterdir())]
    decode, check, again = [], [], []
    for _ in range(repeat):
        (folder / "checkpoints" / DATA_SCAN).unlink(missing_ok=True)
        decode.append(_seconds(lambda: _decode(files)))
        check.append(_seconds(_start(folder)))
        again.append(_seconds(_start(folder)))
    for place, of in enumerate(_Seconds._fields):
        least = [min(seconds[place] for seconds in some) for some in (decode, check, again)]
        yield f"{pairs:7,}  {of:9}  {least[0]:8.2f}  {least[1]:8.2f}  {least[1] / least[0]:5.2f}  {least[2]:12.2f}"


def _draw(folder: Path, number: int) -> None:
    """Write one pair, unless it is there: ellipses on a slope of light, with the grain of a camera."""
    image_file, gt_file = (folder / side / f"cell_{number:06}.png" for side in ("images", "gt"))
    if gt_file.exists():
        return
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    light = 60 + rng.uniform(-0.2, 0.2) * rows + rng.uniform(-0.2, 0.2) * columns
    image = light[:, :, None] * rng.uniform(0.5, 1, 3).astype(np.float32)
    gt = np.zeros((_SIDE, _SIDE), np.uint8)
    for _ in range(int(rng.integers(4, 12))):
        centre, radii = rng.uniform(0, _SIDE, 2), rng.uniform(8, 40, 2)
        inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
        image[inside] += rng.uniform(20, 120, 3).astype(np.float32)
        gt[inside] = 255
    image += rng.normal(0, _GRAIN, (_SIDE, _SIDE, 1))  # without it, a file has a fifth of the size of a photograph
    for path, pixels in ((image_file, image.clip(0, 255).astype(np.uint8)), (gt_file, gt)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def _decode(files: list[str]) -> None:
    def decode(file: str) -> None:
        read_raster(file)

    for _ in in_threads(decode, files):
        pass


def _start(folder: Path) -> Callable[[], object]:
    """The whole of --check_data, from the configuration on."""
    paths = ["--image_path", str(folder / "images"), "--gt_path", str(folder / "gt")]
    arguments = read_arguments([*paths, "--checkpoint_dir", str(folder / "checkpoints"), "--check_data"], SHELL)
    decision = Fresh(arguments.checkpoint_dir)
    cli = TrainCLI(arguments.for_lightning(decision, default_configs(arguments.given)))
    return lambda: check_data(cli, SHELL, arguments.checkpoint_dir)


class _Seconds(NamedTuple):
    clock: float
    processor: float


def _seconds(action: Callable[[], object]) -> _Seconds:
    with contextlib.redirect_stdout(io.StringIO()):
        start, used = time.perf_counter(), sum(os.times()[:4])  # of this process and of those that it has waited for
        action()
        return _Seconds(time.perf_counter() - start, sum(os.times()[:4]) - used)


if __name__ == "__main__":
    main()
