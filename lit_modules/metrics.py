"""What a validation is judged by."""

import torch
from torch import Tensor
from torchmetrics import Metric


class MeanLoss(Metric):
    """Mean of a loss over images.

    Not ``torchmetrics.MeanMetric``, which either looks for NaN at each step, for which a GPU has to wait, or
    with ``nan_strategy="disable"`` forgets the weights (1.9.0).

    Args:
        sync_on_compute: Whether the processes have each only their own images, to be brought together.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    total: Tensor
    images: Tensor

    def __init__(self, sync_on_compute: bool = True) -> None:
        super().__init__(sync_on_compute=sync_on_compute)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("images", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, losses: Tensor, weights: Tensor) -> None:
        """Add images.

        Args:
            losses: Any shape, floating point: losses times weights.
            weights: The same shape and type: 1 for each image that counts.
        """
        self.total += losses.sum()
        self.images += weights.sum()

    def compute(self) -> Tensor:
        return self.total / self.images


class OverlapMetrics(Metric):
    """IoU and Dice from confusion matrices.

    With TP, FP and FN counted per class, IoU is ``TP / (TP + FP + FN)``, Dice is ``2 TP / (2 TP + FP + FN)``.
    With two classes the figure is that of the foreground, and 1 where neither the ground truth nor the
    prediction has any. With more it is the mean over the classes, background included, that occur in the
    ground truth or the prediction. Ignored pixels count nowhere; an image of nothing else is no image.

    The ready metrics of torchmetrics 1.9.0 differ where there is nothing to find: for an image without
    foreground, found to be without, ``BinaryJaccardIndex`` gives 0, ``segmentation.MeanIoU`` leaves it out.

    Args:
        num_classes: Number of classes, background included.
        ignore_index: Target value of the pixels that count nowhere; not a class id.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    confusion: Tensor
    image_iou_sum: Tensor
    image_count: Tensor

    def __init__(self, num_classes: int, ignore_index: int | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", matrix, dist_reduce_fx="sum")
        # Not float64, which Apple's GPUs lack.
        self.add_state("image_iou_sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("image_count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count a batch.

        Args:
            preds: ``(B, H, W)``, int64, class ids.
            target: ``(B, H, W)``, int64, class ids or ``ignore_index``.
        """
        confusion = self._confusion_per_image(preds, target)
        counted = confusion.sum(dim=(1, 2)) > 0
        self.confusion += confusion.sum(dim=0)
        self.image_iou_sum += torch.where(counted, self._class_mean(confusion, _iou(confusion)), 0).sum()
        self.image_count += counted.sum()

    def compute(self) -> dict[str, Tensor]:
        """Give ``iou`` and ``dice`` over all pixels counted and ``iou_per_image``, the mean over images.

        All are float32 from 0 to 1, or NaN where no pixel was counted.
        """
        counted = self.image_count > 0
        figures = {
            "iou": self._class_mean(self.confusion, _iou(self.confusion)),
            "dice": self._class_mean(self.confusion, _dice(self.confusion)),
            "iou_per_image": self.image_iou_sum / self.image_count,
        }
        return {name: torch.where(counted, figure, torch.nan) for name, figure in figures.items()}

    def _confusion_per_image(self, preds: Tensor, target: Tensor) -> Tensor:
        """Count pairs of target and predicted class: ``(B, num_classes, num_classes)``, int64."""
        images, cells = len(target), self.num_classes**2
        image_ids = torch.arange(images, device=target.device).view(-1, 1, 1)
        index = image_ids * cells + target * self.num_classes + preds
        if self.ignore_index is not None:
            # One bin more, cut off below: picking the other pixels out would make a GPU wait for the CPU.
            index = torch.where(target == self.ignore_index, images * cells, index)
        counts = torch.bincount(index.flatten(), minlength=images * cells + 1)
        return counts[:-1].view(images, self.num_classes, self.num_classes)

    def _class_mean(self, confusion: Tensor, figure: Tensor) -> Tensor:
        """Reduce a figure per class ``(..., num_classes)`` to one ``(...)``."""
        occurs = _sizes(confusion) > 0
        if self.num_classes == 2:
            return torch.where(occurs[..., 1], figure[..., 1], 1.0)
        return torch.where(occurs, figure, 0).sum(dim=-1) / occurs.sum(dim=-1)


def _hits(confusion: Tensor) -> Tensor:
    return confusion.diagonal(dim1=-2, dim2=-1)


def _sizes(confusion: Tensor) -> Tensor:
    """Add up the pixels of each class in the ground truth and in the prediction."""
    return confusion.sum(dim=-1) + confusion.sum(dim=-2)


def _iou(confusion: Tensor) -> Tensor:
    return _hits(confusion) / (_sizes(confusion) - _hits(confusion))


def _dice(confusion: Tensor) -> Tensor:
    return 2 * _hits(confusion) / _sizes(confusion)
