"""Pairs as tensors, one at a time and in batches."""

from collections.abc import Collection

import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.data_errors import DataError, short_list
from datamodules.gt.labels import ClassMapping
from datamodules.loading.shared_batches import stack
from datamodules.loading.sources import PairSource
from datamodules.loading.transforms import PairTransform
from datamodules.seeding import one_thread
from resume.system.output import text


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Image and target by key.

    In training the key is (epoch, index), because the epoch decides the augmentation; in validation it is the index.

    Args:
        source: The pairs.
        mapping: Maps the values of the ground truth to class ids.
        transform: Applied to image and target together.
        seed: The seed of the augmentation.
    """

    def __init__(self, source: PairSource, mapping: ClassMapping, transform: PairTransform, seed: int) -> None:
        self._source = source
        self._mapping = mapping
        self._transform = transform
        self._seed = seed

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor]:
        """Load one pair.

        Returns:
            Image float32 (3, H, W), standardised, and target int64 (H, W).

        Raises:
            DataError: A file cannot be read, or the files of the pair do not fit each other or the classes.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        image, labels, gt_name = self._source.load(index)
        target = torch.from_numpy(self._mapping.target(labels, gt_name))
        with one_thread():
            return self._transform(image, target, self._seed, "augmentation", epoch, index)


def collate(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Stack samples to (B, 3, H, W) and (B, H, W).

    Raises:
        DataError: The samples differ in size.
    """
    images, targets = zip(*samples, strict=True)
    sizes = {tuple(image.shape[-2:]) for image in images}
    if len(sizes) > 1:
        raise DataError(mixed_sizes_message(sizes))
    return stack(images), stack(targets)


def mixed_sizes_message(sizes: Collection[tuple[int, ...]]) -> str:
    """Return the message for image sizes (height, width) that cannot be stacked into one batch."""
    shown = short_list([f"{width} × {height}" for height, width in sorted(sizes)], limit=5)
    return text(
        "The images of one batch must have the same size. Sizes found (width × height): {sizes}. "
        "Set --data.image_size to the size for training, or use --batch_size 1."
    ).format(sizes=shown)
