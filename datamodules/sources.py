"""Sources of pairs: two folders of files, or the built-in sample set."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datamodules.data_errors import DataError
from datamodules.image_files import read_gt, read_image, without_pillow_warnings
from datamodules.pairs import PackedNames, Pair
from datamodules.samples import draw_pair
from resume.system.output import text


class RawPair(NamedTuple):
    """One pair as it was read.

    Attributes:
        image: float32 (3, H, W) in [0, 1].
        labels: The numbers in the ground truth, integers (H, W).
        gt_name: The name of the ground truth, for error messages.
    """

    image: Tensor
    labels: npt.NDArray[np.integer]
    gt_name: str


class PairSource(Protocol):
    def __len__(self) -> int: ...

    def load(self, index: int) -> RawPair: ...

    def describe(self) -> str:
        """Return where the pairs come from."""


class FolderPairs:
    """Pairs of files in two folders."""

    def __init__(self, image_path: str, gt_path: str, pairs: Sequence[Pair]) -> None:
        self.image_path = image_path
        self.gt_path = gt_path
        self._images = PackedNames(pair.image for pair in pairs)
        self._gts = PackedNames(pair.gt for pair in pairs)

    def __len__(self) -> int:
        return len(self._images)

    def describe(self) -> str:
        return text("from {image_path} and {gt_path}").format(image_path=self.image_path, gt_path=self.gt_path)

    def image_file(self, index: int) -> str:
        return str(Path(self.image_path, self._images[index]))

    def gt_file(self, index: int) -> str:
        return str(Path(self.gt_path, self._gts[index]))

    def load(self, index: int) -> RawPair:
        """Read one pair.

        Raises:
            DataError: A file cannot be read, or the image and its ground truth differ in size.
        """
        with without_pillow_warnings():
            image, labels = read_image(self.image_file(index)), read_gt(self.gt_file(index))
        if image.shape[1:] != labels.shape:
            raise DataError(self.size_problem(index, tuple(image.shape[1:]), labels.shape))
        return RawPair(image, labels, self.gt_file(index))

    def size_problem(self, index: int, image: tuple[int, ...], gt: tuple[int, ...]) -> str:
        """Return one line about a pair whose sizes (height, width) differ."""
        return text("{image} is {image_size} pixels, {gt} is {gt_size}").format(
            image=self.image_file(index),
            image_size=f"{image[1]} × {image[0]}",
            gt=self.gt_file(index),
            gt_size=f"{gt[1]} × {gt[0]}",
        )


class SamplePairs:
    """Pairs that the program draws itself and keeps in memory (16 kB each).

    Args:
        seed: The seed of the drawings.
        indices: The numbers of the drawings of this seed.
    """

    def __init__(self, seed: int, indices: Sequence[int]) -> None:
        self._seed = seed
        self._indices = indices
        self._drawn = [draw_pair(seed, index) for index in indices]

    def __len__(self) -> int:
        return len(self._drawn)

    def describe(self) -> str:
        return text("from the built-in sample set (drawn, seed {seed})").format(seed=self._seed)

    def load(self, index: int) -> RawPair:
        image, gt = self._drawn[index]
        pixels = torch.from_numpy(image).permute(2, 0, 1).to(torch.float32).div_(255)
        return RawPair(pixels, gt, text("sample {number}").format(number=self._indices[index]))
