"""The form of what a checkpoint holds beside its tensors: anybody may have written it."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from resume.checkpoints.run_entry import LARGEST_INTEGER, RunEntry

# What Lightning reads of its loops; it counts in each of them what is ready, started, processed and completed.
_COUNTED = ("epoch_progress", "epoch_loop.batch_progress", "epoch_loop.val_loop.batch_progress")
_COUNTS = ("ready", "started", "processed", "completed")


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
            yield from (f"{name}.{key}" for key, value in values.items() if not isinstance(value, kind))
    for name in ("optimizer_states", "lr_schedulers"):
        values = checkpoint.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            yield name
    if checkpoint.get("optimizer_states") == []:
        yield "optimizer_states"  # Lightning would go on with a new optimizer
    for name, count in (("epoch", None), ("global_step", run.global_step)):
        if not _is_count(checkpoint.get(name)) or checkpoint[name] != (checkpoint[name] if count is None else count):
            yield name
    yield from _wrong_counts(checkpoint.get("loops"))


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


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_INTEGER
