"""Reads that never return, as from a file system that does not answer: the reader of a pipe waits for a writer."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from datamodules import opened_files


def _size_of_any_file(path: str) -> int:
    return max(1, Path(path).stat().st_size)


# The program refuses a pipe in the place of an image. Here it stands for a file whose read does not return.
opened_files._size = _size_of_any_file


class BlockReads(Callback):
    """Lets reads block from the step that the variable BLOCK names: `3 data`, or `3 rank 1`.

    That is the optimizer steps done, and whose reads: of all files in Data/images, or one of the process of that rank
    itself, within its step. A variable and no setting, so that all runs have the same configuration.
    """

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        step, what, *rank = os.environ.get("BLOCK", "-1 data").split()
        if trainer.global_step != int(step):
            return
        if what == "data":
            block(Path("Data/images").iterdir())
        elif rank == [str(trainer.global_rank)]:
            block([Path("pipe")])
            Path("pipe").read_bytes()


def block(files: Iterable[Path]) -> None:
    """Put pipes into the places of files, at once for those who look."""
    for file in list(files):
        pipe = file.with_name(f".{file.name}")
        os.mkfifo(pipe)
        pipe.replace(file)


def readers(files: Iterable[Path]) -> list[int]:
    """For each pipe that somebody reads from, a descriptor for writing; while it is open, the reader waits for text."""
    return [descriptor for file in files if (descriptor := _reader(file)) is not None]


def _reader(file: Path) -> int | None:
    if not file.is_fifo():
        return None
    try:
        return os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:  # nobody reads
            raise
        return None
