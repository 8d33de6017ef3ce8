"""Batches that a worker makes in memory which it shares with the training process."""

import math
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from resume.system.output import size_text, text

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (the folder is only asked for its free space)
# Of a loader, for each worker: torch asks for two batches ahead. Training and validation have a loader each.
_BATCHES_AHEAD = 2
_LOADERS = 2


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors of one shape, as `torch.stack`; in a worker, in shared memory.

    Otherwise torch would copy the batch into shared memory in a thread of the worker. A failure there is printed, the
    batch is lost, and the training process would wait for it for ever.

    Raises:
        RuntimeError: The system has no shared memory left; the training process receives this error.
    """
    if get_worker_info() is None:
        return torch.stack(list(tensors))
    shape = torch.Size([len(tensors), *tensors[0].shape])
    return torch.stack(list(tensors), out=_shared(shape, tensors[0].dtype))


def _shared(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    size = math.prod(shape) * dtype.itemsize
    return torch.empty(0, dtype=dtype).set_(_storage(size), 0, shape)  # type: ignore[call-overload,no-any-return]


def _storage(size: int) -> Any:
    """Shared memory for one batch: anonymous memory on Linux, where /dev/shm has 64 MB in a container by default."""
    storage: Any = torch.UntypedStorage  # torch declares few of its methods
    if size == 0:
        return storage(0)
    try:
        descriptor = _anonymous_file(size)
    except OSError:  # a container may forbid it
        descriptor = None
    if descriptor is None:
        return storage._new_shared(size)
    try:
        return storage._new_shared_fd_cpu(descriptor, size)
    finally:
        os.close(descriptor)  # torch keeps a copy of the descriptor


def _anonymous_file(size: int) -> int | None:
    """The descriptor of memory that is bound to no file system; None if the system has no call for that."""
    if not hasattr(os, "memfd_create"):
        return None
    descriptor: int = os.memfd_create("batch", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size)
    return descriptor


def small_memory_line(pair_size: int, batch_size: int, num_workers: int) -> str | None:
    """A line that says how batches are passed, if /dev/shm is too small for them; else None.

    Args:
        pair_size: The bytes of one pair, as tensors.
        batch_size: Pairs in a batch.
        num_workers: The workers of each loader.
    """
    free = _free_shared_memory()
    needed = pair_size * batch_size * num_workers * _BATCHES_AHEAD * _LOADERS
    if free is None or free >= needed:
        return None
    said = text(
        "Shared memory ({place}) has {free} free, less than the {needed} of the batches that the workers prepare: they "
        "are passed in other memory."
    )
    return said.format(place=_SHARED_MEMORY, free=size_text(free), needed=size_text(needed))


def _free_shared_memory() -> int | None:
    """The free bytes of /dev/shm; None if batches would not be passed there in any case."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        system = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return None
    return system.f_bavail * system.f_frsize
