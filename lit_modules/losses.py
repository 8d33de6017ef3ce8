"""Losses for segmentation, one value per image."""

import torch
from torch import Tensor
from torch.nn import functional


def image_losses(
    logits: Tensor, target: Tensor, ignore_index: int | None = None, dice_weight: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Compute ``cross entropy + dice_weight * (1 - soft Dice)`` of each image separately.

    Cross entropy is the mean over the pixels of the image. Soft Dice of a class is ``(2 Σpt + 1) / (Σp + Σt + 1)``
    over the pixels of the image, where p is the predicted probability and t is 1 in the class and 0 elsewhere. With
    two classes, soft Dice is that of the foreground; with more classes, it is the mean over all classes. The sums do
    not include ignored pixels.

    Source: Milletari, Navab, Ahmadi: V-Net (2016), with the sums of Sudre et al. (2017).

    Args:
        logits: ``(B, C, H, W)``, floating point, C of 2 or more.
        target: ``(B, H, W)``, int64, class ids from 0 to C - 1, or ``ignore_index``.
        ignore_index: Target value of ignored pixels; not a class id.
        dice_weight: Weight of the Dice term, 0 or more.

    Returns:
        The losses ``(B,)``, float32, 0 for an image whose pixels are all ignored; and the weights ``(B,)``, float32,
        0 for such an image and 1 for all other images.
    """
    logits = logits.float()  # sums over a whole image exceed the range of half precision
    class_ids = torch.arange(logits.shape[1], device=target.device).view(1, -1, 1, 1)
    truth = target.unsqueeze(1) == class_ids
    valid = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    pixels = valid.sum(dim=(1, 2))

    # Not functional.cross_entropy: its CUDA kernel for images has no deterministic version and raises an error under
    # use_deterministic_algorithms.
    log_probs = functional.log_softmax(logits, dim=1)
    cross_entropy = -(log_probs * truth).sum(dim=(1, 2, 3)) / pixels.clamp(min=1)

    probs = log_probs.exp() * valid.unsqueeze(1)
    overlap = (probs * truth).sum(dim=(2, 3))
    size = probs.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))
    dice = (2 * overlap + 1) / (size + 1)
    foreground_only = logits.shape[1] == 2
    dice = dice[:, 1] if foreground_only else dice.mean(dim=1)

    weights = (pixels > 0).to(logits.dtype)
    return (cross_entropy + dice_weight * (1 - dice)) * weights, weights
