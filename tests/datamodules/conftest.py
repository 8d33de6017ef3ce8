from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write_pair(tmp_path: Path) -> Callable[..., None]:
    """Writes an RGB image that differs from stem to stem, and a grey gt of vertical stripes of `values`."""

    def write(stem: str, size: int = 8, values: Sequence[int] = (0, 255), name: str = "data") -> None:
        image, gt = (tmp_path / name / folder / f"{stem}.png" for folder in ("images", "gt"))
        image.parent.mkdir(parents=True, exist_ok=True)
        gt.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(list(stem.encode())).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image)
        Image.fromarray(np.resize(np.array(values, dtype=np.uint8), (size, size))).save(gt)

    return write


@pytest.fixture
def write_pairs(tmp_path: Path, write_pair: Callable[..., None]) -> Callable[..., tuple[str, str]]:
    """Writes pairs into a folder of their own and returns the paths of images and gt."""

    def write(stems: Sequence[str] | int = 10, name: str = "data", size: int = 8) -> tuple[str, str]:
        for stem in [f"pair_{number}" for number in range(stems)] if isinstance(stems, int) else stems:
            write_pair(stem, size, name=name)
        return str(tmp_path / name / "images"), str(tmp_path / name / "gt")

    return write
