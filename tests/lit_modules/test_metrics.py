import numpy as np
import numpy.typing as npt
import pytest
import torch

from lit_modules.metrics import OverlapMetrics

IGNORED = 255


def reference_metrics(preds: npt.NDArray[np.int64], target: npt.NDArray[np.int64], classes: int) -> dict[str, float]:
    """Compute the definitions pixel by pixel."""

    def iou_and_dice(pred: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> tuple[float, float] | None:
        pred, truth = pred[truth != IGNORED], truth[truth != IGNORED]
        if not len(truth):
            return None
        ious, dices = [], []
        for label in [1] if classes == 2 else range(classes):
            p, t = pred == label, truth == label
            if (p | t).any():
                ious.append((p & t).sum() / (p | t).sum())
                dices.append(2 * (p & t).sum() / (p.sum() + t.sum()))
        return (float(np.mean(ious)), float(np.mean(dices))) if ious else (1.0, 1.0)

    whole = iou_and_dice(preds, target)
    assert whole is not None
    images = [each for each in map(iou_and_dice, preds, target) if each is not None]
    return {"iou": whole[0], "dice": whole[1], "iou_per_image": float(np.mean([iou for iou, _ in images]))}


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("ignore_index", [None, IGNORED])
def test_metrics_over_uneven_batches_equal_the_definitions_over_all_images(
    classes: int, ignore_index: int | None
) -> None:
    rng = np.random.default_rng(classes)
    target = rng.integers(classes, size=(11, 9, 13))
    preds = np.where(rng.random(target.shape) < 0.6, target, rng.integers(classes, size=target.shape))
    target[3] = preds[3] = 0
    target[4] = 0
    if ignore_index is not None:
        target[rng.random(target.shape) < 0.2] = ignore_index
        target[7] = ignore_index
    metrics = OverlapMetrics(classes, ignore_index)
    for part in (slice(0, 4), slice(4, 5), slice(5, 11)):
        metrics.update(torch.from_numpy(preds[part]), torch.from_numpy(target[part]))
    measured = {name: value.item() for name, value in metrics.compute().items()}
    assert measured == pytest.approx(reference_metrics(preds, target, classes), abs=1e-6)


def test_metrics_are_1_if_neither_gt_nor_prediction_has_foreground() -> None:
    metrics, empty = OverlapMetrics(2), torch.zeros(3, 4, 4, dtype=torch.int64)
    metrics.update(empty, empty)
    assert {name: value.item() for name, value in metrics.compute().items()} == {
        "iou": 1,
        "dice": 1,
        "iou_per_image": 1,
    }


def test_the_mean_excludes_absent_classes_but_includes_classes_that_are_only_predicted() -> None:
    metrics = OverlapMetrics(3)
    target = torch.zeros(1, 1, 4, dtype=torch.int64)
    metrics.update(target.clone(), target)
    assert metrics.compute()["iou"] == 1
    metrics.update(torch.tensor([[[0, 0, 0, 1]]]), target)
    assert metrics.compute()["iou"].item() == pytest.approx((7 / 8 + 0) / 2)


def test_metrics_are_nan_if_all_pixels_are_ignored() -> None:
    metrics, ignored = OverlapMetrics(2, IGNORED), torch.full((2, 3, 3), IGNORED)
    metrics.update(torch.zeros_like(ignored), ignored)
    assert all(value.isnan() for value in metrics.compute().values())


def test_reset_discards_earlier_batches() -> None:
    metrics, target = OverlapMetrics(2), torch.ones(1, 2, 2, dtype=torch.int64)
    metrics.update(1 - target, target)
    metrics.reset()
    metrics.update(target, target)
    assert metrics.compute()["iou"] == 1
