"""Ground truth drawn in the form of public sets, and what is decided about it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.gt.codes import codes
from datamodules.gt.decision import GtDecision, GtSettings
from datamodules.gt.rules import decide
from datamodules.gt.stats import statistics
from datamodules.gt.structure import GtStructure, structure
from datamodules.reading.rasters import Raster

Map = npt.NDArray[Any]
Generator = np.random.Generator
STREET = range(1, 12)
COLOURS = np.array([[0, 0, 0], [128, 64, 128], [70, 70, 70], [220, 20, 60], [0, 0, 142]], dtype=np.uint8)


def decided(rasters: Sequence[Raster | Map], is_lossy: bool = False, **settings: Any) -> GtDecision:
    """The decision about files with these pixels."""
    given = [raster if isinstance(raster, Raster) else as_raster(raster) for raster in rasters]

    def structures(reading: str, ignored: frozenset[int]) -> list[GtStructure]:
        return [structure(codes(raster, reading, None), ignored) for raster in given]

    return decide([statistics(raster) for raster in given], structures, GtSettings(**settings), is_lossy)


def as_raster(pixels: Map, alpha: Map | None = None, palette: Map | None = None) -> Raster:
    return Raster(pixels, alpha, palette, 8 * pixels.dtype.itemsize, None)


def disc(size: int, row: float, column: float, radius: float, stretch: float = 1.0) -> npt.NDArray[np.bool_]:
    rows, columns = np.mgrid[:size, :size]
    return np.asarray(((rows - row) / stretch) ** 2 + (columns - column) ** 2 <= radius**2)


def cells(rng: Generator, count: int, size: int = 96, first: int = 1, dtype: type = np.uint8) -> Map:
    """Numbered cells of alike sizes, which may touch but hide no other."""
    labels: Map = np.zeros((size, size), dtype=dtype)
    number = first
    for _ in range(20 * count):
        if number == first + count:
            break
        radius = rng.uniform(4, 8)
        row, column = rng.uniform(radius, size - radius, 2)
        cell = disc(size, row, column, radius, rng.uniform(0.8, 1.25))
        if not labels[cell].any():
            labels[cell] = number
            number += 1
    return labels


def regions(rng: Generator, classes: Sequence[int], size: int = 96, dtype: type = np.uint8) -> Map:
    """A scene: several areas of each of the classes, which lie over each other, on 0."""
    labels: Map = np.zeros((size, size), dtype=dtype)
    for value in classes:
        for _ in range(int(rng.integers(1, 5))):
            row, column = rng.uniform(0, size, 2)
            labels[disc(size, row, column, rng.uniform(5, 25), rng.uniform(0.5, 2))] = value
    return labels


def organs(rng: Generator, sizes: Sequence[float], present: float = 0.8, size: int = 96) -> Map:
    """One area for each class, at its usual place and of its usual size."""
    labels = np.zeros((size, size), dtype=np.uint8)
    for value, usual in enumerate(sizes, start=1):
        if rng.random() < present:
            angle = 2 * np.pi * value / len(sizes)
            place = size / 2 + size / 3.5 * np.array([np.sin(angle), np.cos(angle)]) + rng.normal(0, 2, 2)
            labels[disc(size, place[0], place[1], usual * rng.uniform(0.8, 1.25))] = value
    return labels


def files(draw: Callable[[Generator], Map], count: int, seed: int = 0) -> list[Map]:
    """Files drawn one after the other."""
    rng = np.random.default_rng(seed)
    return [draw(rng) for _ in range(count)]


def blurred(mask: Map) -> Map:
    """A mask (0 to 255) with a fringe three pixels wide."""
    padded = np.pad(mask.astype(np.float64), 1, mode="edge")
    height, width = mask.shape
    windows = [padded[row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return np.asarray(np.rint(sum(windows) / 9)).astype(mask.dtype)


def scenes(classes: Any = STREET, count: int = 6, **options: Any) -> list[Map]:
    """Scenes with five of the classes each."""
    several = list(classes)
    return files(
        lambda rng: regions(rng, rng.choice(several, min(5, len(several)), replace=False).tolist(), **options), count
    )


def masks(count: int = 4, value: int = 255, dtype: type = np.uint8) -> list[Map]:
    """Scenes of two values."""
    return [np.where(scene, value, 0).astype(dtype) for scene in scenes([1], count)]
