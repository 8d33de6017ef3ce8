"""Reads that never return, as from a file system that does not answer: the reader of a pipe waits for a writer.

For the process of a run alone: the import lets the program read pipes.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from datamodules.reading import opened_files


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
