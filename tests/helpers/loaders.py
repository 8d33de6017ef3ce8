"""DataLoaders of tests, whose workers have ended when the test has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch.utilities import CombinedLoader
from torch.utils.data import DataLoader


@contextmanager
def ending_workers(loader: DataLoader[Any]) -> Iterator[None]:
    """End the persistent workers of a loader after the block, with their queues.

    If an error has left the loader in a traceback, the garbage collector ends them at some later moment, and waits up
    to 10 s for each.
    """
    try:
        yield
    finally:
        CombinedLoader(loader, "sequential").reset()
