"""A run of seconds: a tiny network, eight pairs of 16 × 16 pixels in two batches; its command line and its files."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers import tiny

Run = Callable[..., int]

TINY = ["--data.image_size=16", "--model.network.width=2", "--model.network.depth=1", "--batch_size=4"]
TINY += ["--data.num_workers=0", "--data.val_fraction=0.3"]
PATHS = ["--image_path", "Data/images", "--gt_path", "Data/gt"]


def load(name: str) -> dict[str, Any]:
    """The content of a checkpoint, its run entry among it as plain values."""
    return tiny.load(Path("checkpoints") / name)


def contents(folder: str = "checkpoints") -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def copy_run(source: Path, target: Path) -> None:
    """Copy a folder into another one; names that are hard links to one file stay so, as a run leaves them."""
    copies: dict[int, str] = {}

    def copy(file: str, copied: str) -> None:
        inode = Path(file).stat().st_ino
        if inode in copies:
            os.link(copies[inode], copied)
        else:
            shutil.copy2(file, copied)
            copies[inode] = copied

    shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)
