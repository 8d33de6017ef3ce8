"""Transforms of image and target together: resize, augment, standardise."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from datamodules.loading.target_resizing import Target
from datamodules.seeding import all_seeded, torch_seeded

FLAT = 1e-6  # for an image in [0, 1]: a smaller standard deviation is only rounding


def default_augmentation() -> list[nn.Module]:
    """Return random flips along both axes."""
    return [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()]


class PairTransform:
    """Resizes, augments and standardises an image with its target; the target is never interpolated.

    Args:
        image_size: Height and width, or None to keep the size.
        augmentation: `torchvision.transforms.v2` modules that take (image, target), applied in this order to an
            image in [0, 1].
    """

    def __init__(self, image_size: tuple[int, int] | None, augmentation: Sequence[nn.Module] = ()) -> None:
        self._resize = None if image_size is None else v2.Resize(list(image_size), antialias=True)
        self._augment = v2.Compose(augmentation) if augmentation else None
        _treat_targets_as_masks(augmentation)
        # torchvision draws only from torch's generator; other modules may draw from any generator.
        only_torchvision = all(type(module).__module__.startswith("torchvision.") for module in augmentation)
        self._seeded = torch_seeded if only_torchvision else all_seeded

    def __call__(self, image: Tensor, target: Tensor, *key: int | str) -> tuple[Tensor, Tensor]:
        """Transform one pair; the same key always gives the same result, regardless of earlier random numbers.

        Args:
            image: float32 (3, H, W) in [0, 1].
            target: integers (H, W).
            *key: The key of all random choices.

        Returns:
            The image, float32 (3, H', W') with mean 0 and standard deviation 1, and the target, int64 (H', W').
        """
        pair = tv_tensors.Image(image), Target(target)
        if self._resize is not None:
            pair = self._resize(*pair)
        if self._augment is not None:
            with self._seeded(*key):
                pair = self._augment(*pair)
        return standardise(pair[0].as_subclass(Tensor)), pair[1].as_subclass(Tensor).long()


def _treat_targets_as_masks(augmentation: Sequence[nn.Module]) -> None:
    """Give targets what a module sets for masks, as ``fill={Mask: 255}``, which torchvision finds by exact type."""
    for module in augmentation:
        for value in [*vars(module).values(), *module.children()]:
            if isinstance(value, dict) and tv_tensors.Mask in value:
                value.setdefault(Target, value[tv_tensors.Mask])
            inner = value if isinstance(value, Sequence | nn.ModuleList) else [value]
            _treat_targets_as_masks([one for one in inner if isinstance(one, nn.Module)])


def standardise(image: Tensor) -> Tensor:
    """Scale the whole image to mean 0 and standard deviation 1; an image of one colour becomes zeros.

    Args:
        image: float32 (3, H, W) in [0, 1].
    """
    std, mean = torch.std_mean(image, correction=0)
    return torch.zeros_like(image) if std < FLAT else (image - mean) / std
