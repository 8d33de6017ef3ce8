"""The form of what a checkpoint holds beside its tensors: anybody may have written it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from resume.checkpoints.run_entry import LARGEST_INTEGER, RunEntry

# What Lightning reads of its loops; it counts in each of them what is ready, started, processed and completed.
_COUNTED = ("epoch_progress", "epoch_loop.batch_progress", "epoch_loop.val_loop.batch_progress")
# Callbacks of which the program reads the states itself; one of the user's own may have a state of any type.
_KNOWN_CALLBACKS = ("CheckpointFiles", "EarlyStopping", "TrainingHistory")
_COUNTS = ("ready", "started", "processed", "completed")
_VERSION = "pytorch-lightning_version"
_STEPS = "_batches_that_stepped"


def wrong_parts(checkpoint: Mapping[str, Any], run: RunEntry) -> Iterator[str]:
    """Name the parts that are missing, of a wrong type, out of range, or of another step than the run entry.

    Args:
        checkpoint: What torch has loaded; a folder of shards has neither weights nor states of optimizers in it.
        run: The run entry beside it.
    """
    for name, kind in (("state_dict", Tensor), ("callbacks", dict)):
        values = checkpoint.get(name, {})
        if not isinstance(values, dict):
            yield name
        else:
            yield from (f"{name}.{key}" for key, one in values.items() if not _is_of(kind, one, str(key)))
    optimizers, schedulers = (checkpoint.get(name, []) for name in ("optimizer_states", "lr_schedulers"))
    if not isinstance(optimizers, list) or not all(isinstance(state, dict) for state in optimizers):
        yield "optimizer_states"
    if not isinstance(schedulers, list):
        yield "lr_schedulers"
    if checkpoint.get("optimizer_states") == []:
        yield "optimizer_states"  # Lightning would go on with a new optimizer
    version = checkpoint.get(_VERSION, "0.0")
    if not isinstance(version, str) or not re.match(r"\d+\.\d+", version):
        yield _VERSION  # with which Lightning decides how to read all else
    for name, count in (("epoch", None), ("global_step", run.global_step)):
        if not _is_count(checkpoint.get(name)) or checkpoint[name] != (checkpoint[name] if count is None else count):
            yield name
    yield from _wrong_counts(checkpoint.get("loops"))


def _is_of(kind: type, value: Any, key: str) -> bool:
    return isinstance(value, kind) or (kind is dict and key.partition("{")[0] not in _KNOWN_CALLBACKS)


def _wrong_counts(loops: Any) -> Iterator[str]:
    loop = loops.get("fit_loop") if isinstance(loops, dict) else None
    if not isinstance(loop, dict):
        yield "loops.fit_loop"
        return
    for name in _COUNTED:
        progress = loop.get(name)
        for part in ("total", "current"):
            counts = progress.get(part) if isinstance(progress, dict) else None
            if not isinstance(counts, dict) or not all(_is_count(counts.get(one)) for one in _COUNTS):
                yield f"loops.fit_loop.{name}.{part}"
    yield from _no_counts("loops.fit_loop", loop)


def _no_counts(key: str, value: Any) -> Iterator[str]:
    """Name what stands, anywhere in the loops, in the place of a count."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name in (*_COUNTS, _STEPS) and not _is_count(inner):
            yield f"{key}.{name}"
        yield from _no_counts(f"{key}.{name}", inner)


def other_form(expected: Any, found: Any, key: str) -> Iterator[str]:
    """Name what is in the place of a number or of a mapping, as text in the place of a count.

    Args:
        expected: A state as its part would write it now.
        found: The same state in a checkpoint; keys may be missing.
        key: The name of the state.
    """
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            yield key
            return
        for name in expected.keys() & found.keys():
            yield from other_form(expected[name], found[name], f"{key}.{name}")
    elif isinstance(expected, Tensor):
        if not isinstance(found, Tensor) or found.shape != expected.shape:
            yield key
    elif isinstance(expected, int | float) and not isinstance(found, int | float):
        yield key


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_INTEGER
