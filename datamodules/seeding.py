"""Random numbers as functions of a key: no random state exists, so none has to be saved."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mix(*key: int | str) -> int:
    """Hash the key to a 63-bit number that is the same in every process, on every system and in every version."""
    return int.from_bytes(hashlib.blake2b(ascii(key).encode(), digest_size=8).digest(), "little") >> 1


@contextmanager
def torch_seeded(*key: int | str) -> Iterator[None]:
    """Seed torch's CPU generator with the key inside the block, and restore its state after the block (13 µs)."""
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(mix(*key))
    try:
        yield
    finally:
        generator.set_state(state)


@contextmanager
def all_seeded(*key: int | str) -> Iterator[None]:
    """Do the same as `torch_seeded` for the global generators of torch, `random` and numpy (0.3 ms)."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(mix(*key))
    np.random.seed(mix(*key) & 0xFFFFFFFF)
    try:
        with torch_seeded(*key):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread inside the block, as worker processes do (0.6 µs).

    The sum over a large image depends on the number of threads that share it, but a sample must not depend on the
    process that loads it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
