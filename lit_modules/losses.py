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
    two classes, soft Dice is that of the foreground; with more classes, it is the mean over classes. It includes only
    the classes that occur in the image: those of at least one pixel of the target, or the most probable of at least
    one pixel. The small probabilities of any other class add up over the image, so that its soft Dice would be near 0
    however good the prediction is. Without such a class, the Dice term is 0. The sums do not include ignored pixels.

    A logit of -inf is a probability of 0: it adds nothing to the loss, or makes it infinite if the pixel is in that
    class. An ignored pixel has no influence on loss and gradient, whatever its logits are.

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
    if ignore_index is not None:
        # Before everything else: with 0 * NaN = NaN, logits that are not finite would get into sums and gradients.
        logits = logits.masked_fill(~valid.unsqueeze(1), 0)

    # Not functional.cross_entropy: its CUDA kernel for images has no deterministic version and raises an error under
    # use_deterministic_algorithms.
    log_probs = functional.log_softmax(logits, dim=1)
    # Not a product with truth: 0 * -inf = NaN.
    cross_entropy = -torch.where(truth, log_probs, 0).sum(dim=(1, 2, 3)) / pixels.clamp(min=1)

    predicted = logits == logits.amax(dim=1, keepdim=True)  # argmax takes 20 times as long on the CPU
    occurs = ((truth | predicted) & valid.unsqueeze(1)).flatten(2).any(dim=2)
    probs = log_probs.exp() * valid.unsqueeze(1)
    overlap = (probs * truth).sum(dim=(2, 3))
    size = probs.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))
    dice_losses = 1 - (2 * overlap + 1) / (size + 1)
    if logits.shape[1] == 2:
        dice_losses, occurs = dice_losses[:, 1:], occurs[:, 1:]
    dice_loss = (dice_losses * occurs).sum(dim=1) / occurs.sum(dim=1).clamp(min=1)

    weights = (pixels > 0).to(logits.dtype)
    return (cross_entropy + dice_weight * dice_loss) * weights, weights
