"""The built-in sample set: pairs drawn from (seed, index), for training without data of one's own.

The foreground consists of soft, dented blobs with a bluish stain. Brightness alone does not identify them, nor do
edges: the background is textured and unevenly lit, its colour differs from image to image, some blobs are dark and
have the opposite colour, and boxes and rings of the same brightness are not foreground.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from datamodules.seeding import mix

SIZE = 64  # pixels along each side

Field = npt.NDArray[np.float64]  # (SIZE, SIZE)


def draw_pair(seed: int, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Draw one pair; the same arguments always give the same pair.

    Returns:
        The image, uint8 (SIZE, SIZE, 3), and its ground truth, uint8 (SIZE, SIZE), 0 or 1.
    """
    rng = np.random.default_rng(mix(seed, "sample", index))
    ground = 0.45 + 0.1 * _texture(rng, 4) + 0.05 * _texture(rng, 12) + 0.04 * _texture(rng, 32)
    image = np.repeat(ground[:, :, None], 3, axis=2)
    gt = np.zeros((SIZE, SIZE), dtype=np.uint8)
    for kind in rng.permutation(["blob"] * int(rng.integers(2, 6)) + ["box", "ring"] * int(rng.integers(1, 3))):
        inside, stain, sign = _SHAPES[kind](rng), _STAINS[kind], rng.choice([1.0, -1.0], p=[0.8, 0.2])
        surface = sign * rng.uniform(0.15, 0.32) * (1.0 + 0.3 * _texture(rng, 6))
        image += (inside * surface)[:, :, None] * stain
        if kind == "blob":  # shapes that cover a blob are transparent
            gt[inside > 0.5] = 1
    image *= (1.0 + 0.25 * _slope(rng))[:, :, None] * rng.uniform(0.85, 1.15, size=3)
    image += rng.uniform(-0.06, 0.06, size=image.shape)
    return (np.clip(image, 0.0, 1.0) * 255).round().astype(np.uint8), gt


def _texture(rng: np.random.Generator, cells: int) -> Field:
    """Return random values in [-1, 1] on a grid of `cells` × `cells` squares, interpolated between the grid lines."""
    weights = _interpolation(cells)
    field: Field = weights @ rng.uniform(-1.0, 1.0, size=(cells + 1, cells + 1)) @ weights.T
    return field


@cache
def _interpolation(cells: int) -> npt.NDArray[np.float64]:
    """Return the weight of each of the `cells + 1` grid lines at each pixel, (SIZE, cells + 1)."""
    at = np.linspace(0.0, cells, SIZE)
    weights: npt.NDArray[np.float64] = np.clip(1.0 - np.abs(at[:, None] - np.arange(cells + 1)), 0.0, 1.0)
    return weights


def _slope(rng: np.random.Generator) -> Field:
    """Return a linear change of light across the image, in [-1, 1]."""
    across, down = rng.uniform(-0.5, 0.5, size=2)
    at = np.linspace(-1.0, 1.0, SIZE)
    slope: Field = across * at[None, :] + down * at[:, None]
    return slope


def _rotated_coordinates(rng: np.random.Generator) -> tuple[Field, Field]:
    """Return coordinates in pixels around a random centre, rotated by a random angle."""
    centre_x, centre_y = rng.uniform(0.0, SIZE, size=2)
    angle = rng.uniform(0.0, math.pi)
    x, y = np.arange(SIZE)[None, :] - centre_x, np.arange(SIZE)[:, None] - centre_y
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _soft(depth: Field, blur: float) -> Field:
    """Map the depth inside an edge, in pixels, to a share in [0, 1] that is 0.5 on the edge (smoothstep)."""
    t = np.clip(depth / blur + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _blob(rng: np.random.Generator) -> Field:
    x, y = _rotated_coordinates(rng)
    wide = rng.uniform(6.0, 13.0)
    high = wide * rng.uniform(0.6, 1.0)
    radius = np.sqrt((x / wide) ** 2 + (y / high) ** 2)
    dents = rng.uniform(0.0, 0.12) * np.cos(3.0 * np.arctan2(y, x) + rng.uniform(0.0, 6.0))
    return _soft((1.0 + dents - radius) * high, rng.uniform(2.0, 5.0))


def _box(rng: np.random.Generator) -> Field:
    x, y = _rotated_coordinates(rng)
    wide, high = rng.uniform(3.0, 10.0, size=2)
    return _soft(np.minimum(wide - np.abs(x), high - np.abs(y)), rng.uniform(2.0, 4.0))


def _ring(rng: np.random.Generator) -> Field:
    x, y = _rotated_coordinates(rng)
    radius = np.sqrt(x**2 + y**2)
    return _soft(rng.uniform(1.5, 3.0) - np.abs(radius - rng.uniform(6.0, 11.0)), rng.uniform(1.0, 3.0))


_SHAPES = {"blob": _blob, "box": _box, "ring": _ring}
_STAINS = {"blob": (0.7, 1.0, 1.3), "box": (1.2, 1.0, 0.8), "ring": (1.2, 1.0, 0.8)}  # of red, green, blue
