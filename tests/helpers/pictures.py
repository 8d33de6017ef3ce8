"""Tiny images with their ground truth, as files."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_pair(folder: Path, stem: str, values: tuple[int, ...] = (0, 255), size: int = 16) -> None:
    """Write images/{stem}.png, noise with a bright square, and gt/{stem}.png with `values` on the same square."""
    generator = np.random.default_rng(sum(stem.encode()))
    labels = np.full((size, size), values[0], dtype=np.uint8)
    row, column = generator.integers(0, size // 2, 2)
    for offset, value in enumerate(values[1:]):
        labels[row + offset : row + size // 2, column : column + size // 2] = value
    noise = generator.integers(0, 100, (size, size, 3), dtype=np.uint8)
    image = noise + np.where(labels[..., None] > 0, 120, 0).astype(np.uint8)
    for name, pixels in (("images", image), ("gt", labels)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{stem}.png")


def draw_pairs(folder: Path, count: int) -> None:
    for number in range(count):
        draw_pair(folder, f"cell_{number}")
