"""Metrics of a validation."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import override

UNDEFINED = -1  # in place of a class id
MOST_CLASSES = 4096  # whose confusion matrix has 128 MiB


def class_ids(logits: Tensor) -> Tensor:
    """Return the class of each pixel: int64 (B, H, W).

    Args:
        logits: ``(B, C, H, W)``, floating point. A pixel without a finite highest logit is ``UNDEFINED``: argmax would
            give it a class. A logit of -inf beside finite ones excludes a class.
    """
    return torch.where(logits.amax(dim=1).isfinite(), logits.argmax(dim=1), UNDEFINED)


class _ExactMetric(Metric):
    """A metric whose states keep their types when the module gets half precision.

    bfloat16 counts to 256 and float16 to 2048. ``Metric`` (torchmetrics 1.9.0) ignores ``half()`` and ``bfloat16()``,
    but not ``to(dtype)``, with which Lightning converts a module for ``bf16-true`` and ``16-true``.
    """

    @override
    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Any:
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), exclude_state)


class MeanLoss(_ExactMetric):
    """Mean of a loss over images.

    ``torchmetrics.MeanMetric`` (1.9.0) is not used: it searches for NaN at each step, which makes the program wait for
    the GPU, or, with ``nan_strategy="disable"``, it ignores the weights.

    Args:
        sync_on_compute: Whether each process has only its own images, so that ``compute`` must add up all processes.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    total: Tensor
    images: Tensor

    def __init__(self, sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, losses: Tensor, weights: Tensor) -> None:
        """Add images.

        Args:
            losses: Losses times weights; any shape, floating point.
            weights: 1 for each image that is counted, else 0, or sums of such weights; the shape of ``losses``.
        """
        self.total += losses.sum(dtype=torch.float32)
        self.images += weights.sum(dtype=torch.float32).long()

    def compute(self) -> Tensor:
        return self.total / self.images


class OverlapMetrics(_ExactMetric):
    """IoU and Dice from confusion matrices.

    With TP, FP and FN counted per class, IoU is ``TP / (TP + FP + FN)`` and Dice is ``2 TP / (2 TP + FP + FN)``. With
    two classes, the metric is that of the foreground. With more classes, it is the mean over the classes, including
    the background, that occur in the ground truth or the prediction. Ignored pixels are not counted, nor are images
    with only ignored pixels.

    An image whose ground truth has no foreground (no class but 0) counts in the mean over images: with two classes, it
    is 1 if no foreground is predicted, and 0 otherwise. A validation without any foreground has no metric: a network
    that never predicts foreground would get the best value. Nor has one with a pixel whose class is undefined.

    The metrics of torchmetrics 1.9.0 differ for an image without foreground that is predicted without foreground:
    ``BinaryJaccardIndex`` gives 0, and ``segmentation.MeanIoU`` does not count the image.

    Args:
        num_classes: Number of classes, including the background.
        ignore_index: Target value of ignored pixels; not a class id.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    confusion: Tensor
    image_iou_sum: Tensor
    image_count: Tensor
    undefined: Tensor

    def __init__(self, num_classes: int, ignore_index: int | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", matrix, dist_reduce_fx="sum")
        # Not float64, because Apple's GPUs do not support it.
        self.add_state("image_iou_sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("image_count", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("undefined", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            preds: ``(B, H, W)``, int64, class ids from 0 to num_classes - 1, or ``UNDEFINED``.
            target: ``(B, H, W)``, int64, class ids or ``ignore_index``.
        """
        confusion = self._confusion_per_image(preds, target)
        counted = confusion.sum(dim=(1, 2)) > 0
        self.confusion += confusion.sum(dim=0)
        self.image_iou_sum += torch.where(counted, self._class_mean(confusion, _iou(confusion)), 0).sum()
        self.image_count += counted.sum()
        self.undefined += ((preds == UNDEFINED) & (target != self.ignore_index)).sum()

    def compute(self) -> dict[str, Tensor]:
        """Return ``iou`` and ``dice`` over all counted pixels, and ``iou_per_image``, the mean over images.

        All are float32 from 0 to 1, or NaN if the ground truth has no foreground or a pixel is undefined.
        ``foreground`` is the number of foreground pixels of the ground truth, int64.
        """
        foreground = self.confusion[1:].sum()
        metrics = {
            "iou": self._class_mean(self.confusion, _iou(self.confusion)),
            "dice": self._class_mean(self.confusion, _dice(self.confusion)),
            "iou_per_image": self.image_iou_sum / self.image_count,
        }
        exists = (foreground > 0) & (self.undefined == 0)
        values = {name: torch.where(exists, metric, torch.nan) for name, metric in metrics.items()}
        return {**values, "foreground": foreground}

    def _confusion_per_image(self, preds: Tensor, target: Tensor) -> Tensor:
        """Count the pairs of target class and predicted class: ``(B, num_classes, num_classes)``, int64."""
        images, cells = len(target), self.num_classes**2
        image_ids = torch.arange(images, device=target.device).view(-1, 1, 1)
        index = image_ids * cells + target * self.num_classes + preds.clamp(min=0)
        if self.ignore_index is not None:
            # Ignored pixels get a bin of their own, removed below. Selecting the other pixels would make a GPU wait for
            # the CPU.
            index = torch.where(target == self.ignore_index, images * cells, index)
        one = torch.ones((), dtype=torch.int64, device=index.device)
        # Not bincount: it asks a GPU for the smallest and the largest index, and waits for both answers.
        counts = torch.zeros(images * cells + 1, dtype=torch.int64, device=index.device)
        counts.index_add_(0, index.flatten(), one.expand(index.numel()))
        return counts[:-1].view(images, self.num_classes, self.num_classes)

    def _class_mean(self, confusion: Tensor, metric: Tensor) -> Tensor:
        """Reduce a metric per class ``(..., num_classes)`` to one value ``(...)``."""
        occurs = _pixels_in_both(confusion) > 0
        if self.num_classes == 2:
            return torch.where(occurs[..., 1], metric[..., 1], 1.0)
        return torch.where(occurs, metric, 0).sum(dim=-1) / occurs.sum(dim=-1)


def _true_positives(confusion: Tensor) -> Tensor:
    return confusion.diagonal(dim1=-2, dim2=-1)


def _pixels_in_both(confusion: Tensor) -> Tensor:
    """Add the pixels of each class in the ground truth and in the prediction: ``2 TP + FP + FN``."""
    return confusion.sum(dim=-1) + confusion.sum(dim=-2)


# float(), because the quotient of integers has the default type, which is half precision within Lightning's steps of
# bf16-true and 16-true. float16 ends at 65504, fewer pixels than an image has.


def _iou(confusion: Tensor) -> Tensor:
    return _true_positives(confusion).float() / (_pixels_in_both(confusion) - _true_positives(confusion))


def _dice(confusion: Tensor) -> Tensor:
    return 2 * _true_positives(confusion).float() / _pixels_in_both(confusion)
