"""Where pairs come from: two folders, or the project's own drawings."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datamodules.data_errors import DataError
from datamodules.image_files import read_gt, read_image, without_pillow_warnings
from datamodules.pairs import Names, Pair
from datamodules.samples import draw_pair


class RawPair(NamedTuple):
    """Image float32 (3, H, W) in [0, 1], the ground truth's own numbers (H, W), and the latter's name for
    errors.
    """

    image: Tensor
    labels: npt.NDArray[np.integer]
    gt_name: str


class PairSource(Protocol):
    def __len__(self) -> int: ...

    def load(self, index: int) -> RawPair: ...


class FolderPairs:
    """Pairs of files in two folders."""

    def __init__(self, image_path: str, gt_path: str, pairs: Sequence[Pair]) -> None:
        self.image_path = image_path
        self.gt_path = gt_path
        self._images = Names(pair.image for pair in pairs)
        self._gts = Names(pair.gt for pair in pairs)

    def __len__(self) -> int:
        return len(self._images)

    def image_file(self, index: int) -> str:
        return str(Path(self.image_path, self._images[index]))

    def gt_file(self, index: int) -> str:
        return str(Path(self.gt_path, self._gts[index]))

    def load(self, index: int) -> RawPair:
        """Reads one pair.

        Raises:
            DataError: A file cannot be read, or the two differ in size.
        """
        with without_pillow_warnings():
            image, labels = read_image(self.image_file(index)), read_gt(self.gt_file(index))
        if image.shape[1:] != labels.shape:
            raise DataError(self.size_problem(index, tuple(image.shape[1:]), labels.shape))
        return RawPair(image, labels, self.gt_file(index))

    def size_problem(self, index: int, image: tuple[int, ...], gt: tuple[int, ...]) -> str:
        """One line on a pair whose sizes (height, width) differ."""
        return f"{self.image_file(index)} is {image[1]} × {image[0]} pixels, {self.gt_file(index)} is {gt[1]} × {gt[0]}"


class SamplePairs:
    """Pairs that the project draws itself, kept in memory (16 kB each).

    Args:
        seed: Another seed gives other drawings.
        indices: Which drawings of that seed.
    """

    def __init__(self, seed: int, indices: Sequence[int]) -> None:
        self._indices = indices
        self._drawn = [draw_pair(seed, index) for index in indices]

    def __len__(self) -> int:
        return len(self._drawn)

    def load(self, index: int) -> RawPair:
        image, gt = self._drawn[index]
        pixels = torch.from_numpy(image).permute(2, 0, 1).to(torch.float32).div_(255)
        return RawPair(pixels, gt, f"sample {self._indices[index]}")
