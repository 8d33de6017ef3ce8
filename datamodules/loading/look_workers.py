"""Work on very many files in processes: threads take Python's lock from each other at each of the many short steps."""

import gc
from collections.abc import Iterator
from functools import partial
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.loading.workers import SERVER, initialise_worker, start_method, start_server, stop_signals_blocked
from datamodules.reading.pillow_files import ignore_pillow_warnings
from resume.system.output import Language, current_language

_AT_ONCE = 32  # items that a worker hands over at a time
Found = TypeVar("Found")


def _initialise(language: Language, worker_id: int) -> None:
    gc.freeze()  # what a forked worker has inherited stays; else its collections would look through it, and copy it
    initialise_worker(language, worker_id)
    ignore_pillow_warnings()


def in_workers(work: Dataset[Found], workers: int) -> Iterator[Found]:
    """Do the work for each index, in processes; returns the results in the order of the indices.

    Args:
        work: Does it by index; a started process must be able to get it.
        workers: The number of processes.

    Raises:
        RuntimeError: A worker has ended; `launch.lost_workers` explains it.
    """
    method = start_method(in_group=False)
    if method == SERVER:
        start_server()
    batches = DataLoader(
        work,
        batch_size=_AT_ONCE,
        num_workers=workers,
        collate_fn=list,
        multiprocessing_context=method,
        worker_init_fn=partial(_initialise, current_language()),
        generator=torch.Generator(),  # without it, the global generator would be drawn from
    )
    with stop_signals_blocked():  # a signal would leave a worker of which the program does not know
        started = iter(batches)
    try:
        for batch in started:
            yield from batch
    finally:
        # After an error, the garbage collector would end them at some later moment, and their queues in any order.
        started._shutdown_workers()  # type: ignore[attr-defined]
