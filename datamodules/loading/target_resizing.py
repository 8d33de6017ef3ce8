"""Resizing of a target on the pixel grid of its image."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

Integers = npt.NDArray[np.integer[Any]]

_ENTRIES_AT_ONCE = 2**20  # 8 MB in each array
_EXTREMES = (np.minimum, np.maximum)


class Target(tv_tensors.Mask):  # type: ignore[misc]  # torchvision has no types
    """A target that every transform of torchvision resizes by `resize_target`.

    torchvision 0.29 resizes a Mask by the legacy nearest rule, which takes the first pixel of each cell and so moves
    the target against its image by up to half an output pixel.
    """


def resize_target(target: Tensor, size: tuple[int, int]) -> Tensor:
    """Give each output pixel the class that covers most of it.

    Output pixel i covers the input from ``scale * i`` to ``scale * (i + 1)``, as in the image. If two classes cover the
    same area, the class that is rarer in the whole target wins, so that a line of one pixel survives at 2:1.

    Args:
        target: ``(..., H, W)``, integers.
        size: Height and width of the output.

    Returns:
        ``(..., height, width)``, the type of ``target``.
    """
    height, width = target.shape[-2:]
    if size == (height, width):
        return target
    planes = [_resize_plane(plane, size) for plane in target.reshape(-1, height, width)]
    return torch.stack(planes).reshape(*target.shape[:-2], *size)


def _resize_plane(plane: Tensor, size: tuple[int, int]) -> Tensor:
    ranks, values = _ranks(plane)
    rows, columns = _Cells(plane.shape[0], size[0]), _Cells(plane.shape[1], size[1])
    lowest, highest = (columns.reduce(rows.reduce(ranks, which, axis=0), which, axis=1) for which in _EXTREMES)
    resized = lowest
    mixed_rows, mixed_columns = np.nonzero(lowest != highest)  # few, except in noise: borders between classes
    pixels = rows.pixels.shape[1] * columns.pixels.shape[1]
    at_once = max(1, _ENTRIES_AT_ONCE // max(pixels, len(values)))
    for first in range(0, len(mixed_rows), at_once):
        some = slice(first, first + at_once)
        row, column = mixed_rows[some], mixed_columns[some]
        inside = ranks[rows.pixels[row][:, :, None], columns.pixels[column][:, None, :]]
        areas = rows.overlaps[row][:, :, None] * columns.overlaps[column][:, None, :]
        bins = np.arange(len(row))[:, None, None] * len(values) + inside
        covered = np.bincount(bins.ravel(), areas.ravel(), minlength=len(row) * len(values))
        resized[row, column] = covered.reshape(len(row), -1).argmax(axis=1)  # of equal areas, the first
    return torch.from_numpy(values[resized])


def _ranks(plane: Tensor) -> tuple[Integers, Integers]:
    """Return for each pixel the rank of its value, the rarest value being 0, and the value of each rank."""
    pixels = plane.numpy()
    lowest = pixels.min()
    offsets = pixels - lowest
    counts = np.bincount(offsets.ravel())  # np.unique takes twenty times as long
    present = counts.nonzero()[0]
    ranked = present[counts[present].argsort(stable=True)]
    rank_of = np.zeros(len(counts), dtype=np.min_scalar_type(len(ranked)))
    rank_of[ranked] = np.arange(len(ranked))
    return rank_of[offsets], ranked.astype(pixels.dtype) + lowest


class _Cells:
    """An axis of `length` pixels, cut into `count` equal cells.

    Attributes:
        pixels: ``(count, n)``, the pixels that a cell may overlap, n being the same for all cells.
        overlaps: ``(count, n)``, float64, the length of the overlap in pixels; exactly 1 for a pixel inside the cell.
    """

    def __init__(self, length: int, count: int) -> None:
        # In units of 1 / count pixels, all edges are whole numbers.
        edges = np.arange(count + 1) * length
        starts, self._ends = edges[:-1] // count, -(-edges[1:] // count)
        pixels = starts[:, None] + np.arange((self._ends - starts).max())
        last = np.minimum((pixels + 1) * count, edges[1:, None])
        self.overlaps = np.maximum(last - np.maximum(pixels * count, edges[:-1, None]), 0) / count
        self.pixels = np.minimum(pixels, length - 1)

    def reduce(self, values: Integers, which: np.ufunc, axis: int) -> Integers:
        """Return the extreme of each cell along the axis."""
        # reduceat takes what lies between each index and the next; every second result is that of a cell.
        between = np.stack([self.pixels[:, 0], self._ends], axis=1).ravel()
        padded = np.append(values, values.take([-1], axis=axis), axis=axis)  # no index may be the length
        reduced: Integers = which.reduceat(padded, between, axis=axis)
        return reduced[::2] if axis == 0 else reduced[:, ::2]


@functional.register_kernel(functional.resize, Target)  # type: ignore[untyped-decorator]
def _resize(target: Target, size: list[int] | None, *_: object, max_size: int | None = None, **__: object) -> Target:
    return _wrapped(resize_target(target.as_subclass(Tensor), _output_size(target, size, max_size)), target)


@functional.register_kernel(functional.resized_crop, Target)  # type: ignore[untyped-decorator]
def _resized_crop(target: Target, top: int, left: int, height: int, width: int, size: list[int], **_: object) -> Target:
    cropped = functional.crop(target, top, left, height, width)
    return _wrapped(resize_target(cropped.as_subclass(Tensor), _output_size(cropped, size, None)), target)


def _output_size(target: Tensor, size: list[int] | None, max_size: int | None) -> tuple[int, int]:
    """Return the size that torchvision gives the image, whose ``size`` may be one number for the shorter side."""
    empty = torch.empty(1, *target.shape[-2:], device="meta")
    height, width = functional.resize(empty, size, max_size=max_size).shape[-2:]
    return height, width


def _wrapped(resized: Tensor, target: Target) -> Target:
    wrapped: Target = tv_tensors.wrap(resized, like=target)
    return wrapped
