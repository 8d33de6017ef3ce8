"""Looking for NaN in the weights of a checkpoint, without torch.

This program saves no NaN. A checkpoint of another program, or one that was edited, may hold it, and nothing can be
trained from it.
"""

import contextlib
import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from resume.checkpoints.zip_archive import CHUNK

# By the type of the storage: bytes of a number, as `struct` reads it; bfloat16 is the upper half of a float32.
_FORMATS = {
    "torch.HalfStorage": (2, "e"),
    "torch.BFloat16Storage": (2, "f"),
    "torch.FloatStorage": (4, "f"),
    "torch.DoubleStorage": (8, "d"),
    "torch.ComplexFloatStorage": (4, "f"),
    "torch.ComplexDoubleStorage": (8, "d"),
}
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_PLAIN = {"collections.OrderedDict": OrderedDict}
# The highest bytes of numbers with the largest exponents: NaN and the infinities are among them.
_HIGHEST = {"e": bytes([*range(0x7C, 0x80), *range(0xFC, 0x100)]), "f": b"\x7f\xff", "d": b"\x7f\xff"}


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor is in the archive.

    Attributes:
        type: The type of its storage.
        key: The name of its storage.
        first: How many numbers are in front of it in the storage.
        shape: Its shape.
        count: How many numbers it has; a complex one counts as two.
    """

    type: str
    key: str
    first: int
    shape: tuple[int, ...]
    count: int


class _Other:
    """Stands for whatever else a pickle of torch.save builds."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Outline(pickle.Unpickler):
    """Builds what a pickle holds, with a `_Tensor` for each tensor; nothing of torch, and nothing that runs code."""

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full in _FORMATS:
            return full
        known = {_TENSOR: _tensor, _PARAMETER: _parameter, **_PLAIN}
        return known.get(full, _Other)

    def persistent_load(self, pid: Any) -> Any:
        return pid


def _tensor(storage: Any, first: Any, shape: Any, *_: Any) -> Any:
    if type(storage) is not tuple or len(storage) != 5 or storage[1] not in _FORMATS:
        return _Other()
    _, kind, key, _, count = storage
    each = 2 if "Complex" in kind else 1
    return _Tensor(kind, key, each * first, shape, each * min(math.prod(shape), count - first))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def find_nan(archive: zipfile.ZipFile, content: bytes, most: int | None = None) -> str | None:
    """The name of a weight that holds NaN, or whose optimizer state does; None if there is none.

    A network may keep NaN in a buffer for reasons of its own. So of the weights and buffers, only those count that have
    the shape of an optimizer state, if the checkpoint holds any such state.

    Args:
        archive: The checkpoint.
        content: Its pickle, which `require_harmless` has passed.
        most: How many bytes of each weight are looked at, and no optimizer state: training spreads NaN to whole weights
            at once. None: everything is looked at.

    Raises:
        OSError, KeyError, zipfile.BadZipFile: The archive lacks a tensor, or cannot be read.
    """
    folder = archive.namelist()[0].partition("/")[0]
    checkpoint = None
    with contextlib.suppress(Exception):  # nothing that torch.save writes for a run; torch will say what is wrong
        checkpoint = _Outline(io.BytesIO(content)).load()
    weights, moments = _candidates(checkpoint)
    for name, tensor in weights if most else weights + moments:
        if _holds_nan(archive, f"{folder}/data/{tensor.key}", tensor, most):
            return name
    return None


def _candidates(checkpoint: Any) -> tuple[list[tuple[str, _Tensor]], list[tuple[str, _Tensor]]]:
    """The weights of a checkpoint, and the tensors of its optimizers."""
    moments = [
        (f"optimizer state {key}", tensor)
        for optimizer in _items(_get(checkpoint, "optimizer_states"))
        for state in _values(_get(optimizer, "state"))
        for key, tensor in _tensors(state)
    ]
    shapes = {tensor.shape for _, tensor in moments if tensor.shape}
    named = _tensors(_get(checkpoint, "state_dict"))
    return [(name, tensor) for name, tensor in named if not shapes or tensor.shape in shapes], moments


def _get(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, dict) else None


def _items(values: Any) -> list[Any]:
    return values if isinstance(values, list) else []


def _values(values: Any) -> list[Any]:
    return list(values.values()) if isinstance(values, dict) else []


def _tensors(values: Any) -> Iterator[tuple[str, _Tensor]]:
    if isinstance(values, dict):
        yield from ((str(name), value) for name, value in values.items() if isinstance(value, _Tensor))


def _holds_nan(archive: zipfile.ZipFile, entry: str, tensor: _Tensor, most: int | None) -> bool:
    width, code = _FORMATS[tensor.type]
    left = tensor.count * width if most is None else min(tensor.count * width, most)
    with archive.open(entry) as file:
        file.seek(tensor.first * width)
        while left > 0 and (block := file.read(min(left, CHUNK))):
            left -= len(block)
            if _nan_in(block, width, code):
                return True
    return False


def _nan_in(block: bytes, width: int, code: str) -> bool:
    highest = block[width - 1 :: width]
    if not any(byte in highest for byte in _HIGHEST[code]):
        return False
    count = len(block) // width
    block = block[: count * width]
    if (width, code) == (2, "f"):
        wide = bytearray(4 * count)
        wide[2::4], wide[3::4] = block[0::2], block[1::2]
        block = bytes(wide)
    return any(number != number for number in struct.unpack(f"<{count}{code}", block))
