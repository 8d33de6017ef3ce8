from collections.abc import Collection

import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.data_errors import DataError
from datamodules.labels import ClassMapping
from datamodules.seeding import one_thread
from datamodules.sources import PairSource
from datamodules.transforms import PairTransform


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Image and target by key: (epoch, index) in training, where the epoch decides the augmentation, else
    the index.

    Args:
        source: Where pairs come from.
        mapping: From the ground truth's values to class ids.
        transform: What is done to image and target together.
        seed: Another seed gives other augmentation.
    """

    def __init__(self, source: PairSource, mapping: ClassMapping, transform: PairTransform, seed: int) -> None:
        self._source = source
        self._mapping = mapping
        self._transform = transform
        self._seed = seed

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor]:
        """Loads one pair.

        Returns:
            Image float32 (3, H, W), standardised, and target int64 (H, W).

        Raises:
            DataError: A file cannot be read or does not fit.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        image, labels, gt_name = self._source.load(index)
        target = torch.from_numpy(self._mapping.target(labels, gt_name))
        with one_thread():
            return self._transform(image, target, self._seed, "augmentation", epoch, index)


def collate(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Stacks samples to (B, 3, H, W) and (B, H, W).

    Raises:
        DataError: They differ in size.
    """
    images, targets = zip(*samples, strict=True)
    sizes = {tuple(image.shape[-2:]) for image in images}
    if len(sizes) > 1:
        raise DataError(different_sizes(sizes))
    return torch.stack(images), torch.stack(targets)


def different_sizes(sizes: Collection[tuple[int, ...]]) -> str:
    """The message about sizes (height, width) that do not go into one batch."""
    shown = ", ".join(f"{width} × {height}" for height, width in sorted(sizes)[:5])
    more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
    return (
        f"the images of one batch must be of one size, and there are {shown}{more} pixels. "
        "Set --data.image_size to the size to train at, or use --batch_size 1."
    )
