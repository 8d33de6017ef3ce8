from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision
from torch import nn

from lit_modules.metrics import UNDEFINED, MeanLoss, OverlapMetrics, class_ids

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
    measured = {name: value.item() for name, value in metrics.compute().items() if name != "foreground"}
    assert measured == pytest.approx(reference_metrics(preds, target, classes), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("predicted", [0, 1])
def test_metrics_are_nan_if_the_gt_has_no_foreground(classes: int, predicted: int) -> None:
    metrics, empty = OverlapMetrics(classes), torch.zeros(3, 4, 4, dtype=torch.int64)
    metrics.update(torch.full_like(empty, predicted), empty)
    values = metrics.compute()
    assert values.pop("foreground") == 0
    assert all(value.isnan() for value in values.values())


def test_an_image_without_foreground_counts_as_1_or_0_among_images_with_foreground() -> None:
    metrics = OverlapMetrics(2)
    full, empty = torch.ones(1, 4, 4, dtype=torch.int64), torch.zeros(1, 4, 4, dtype=torch.int64)
    metrics.update(torch.cat([full, empty]), torch.cat([full, empty]))
    assert metrics.compute()["iou_per_image"] == 1
    metrics.update(full, empty)
    assert metrics.compute()["iou_per_image"].item() == pytest.approx(2 / 3)


def test_the_mean_excludes_absent_classes_but_includes_classes_that_are_only_predicted() -> None:
    metrics = OverlapMetrics(3)
    target = torch.tensor([[[0, 0, 0, 2]]])
    metrics.update(target.clone(), target)
    assert metrics.compute()["iou"] == 1
    metrics.update(torch.tensor([[[0, 0, 1, 2]]]), target)
    assert metrics.compute()["iou"].item() == pytest.approx((5 / 6 + 0 + 1) / 3)


def test_metrics_are_nan_if_all_pixels_are_ignored() -> None:
    metrics, ignored = OverlapMetrics(2, IGNORED), torch.full((2, 3, 3), IGNORED)
    metrics.update(torch.zeros_like(ignored), ignored)
    assert all(metrics.compute()[name].isnan() for name in ("iou", "dice", "iou_per_image"))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("logit", [torch.nan, torch.inf])
def test_metrics_are_nan_if_the_logits_of_one_pixel_are_not_finite(classes: int, logit: float) -> None:
    metrics, target = OverlapMetrics(classes, IGNORED), torch.ones(2, 2, 2, dtype=torch.int64)
    logits = torch.zeros(2, classes, 2, 2)
    metrics.update(class_ids(logits), target)
    assert not any(value.isnan() for value in metrics.compute().values())
    logits[1, 0, 1, 1] = logit
    metrics.update(class_ids(logits), target)
    values = metrics.compute()
    assert values.pop("foreground") == 16
    assert all(value.isnan() for value in values.values())


def test_ignored_pixels_may_have_any_logits() -> None:
    metrics, target = OverlapMetrics(2, IGNORED), torch.tensor([[[1, IGNORED]]])
    logits = torch.tensor([[[[0.0, torch.nan]], [[1.0, 0.0]]]])
    metrics.update(class_ids(logits), target)
    assert metrics.compute()["iou"] == 1


def test_a_class_that_is_excluded_by_a_logit_of_minus_infinity_is_not_predicted() -> None:
    logits = torch.tensor([[[[-torch.inf, -torch.inf]], [[-5.0, -torch.inf]]]])
    assert class_ids(logits).tolist() == [[[1, UNDEFINED]]]


def test_reset_discards_earlier_batches() -> None:
    metrics, target = OverlapMetrics(2), torch.ones(1, 2, 2, dtype=torch.int64)
    metrics.update(1 - target, target)
    metrics.reset()
    metrics.update(target, target)
    assert metrics.compute()["iou"] == 1


@pytest.mark.parametrize(
    "convert",
    [
        nn.Module.half,
        nn.Module.bfloat16,
        lambda module: module.to(torch.float16),
        HalfPrecision("16-true").convert_module,
        HalfPrecision("bf16-true").convert_module,
        DoublePrecision().convert_module,
    ],
    ids=["half", "bfloat16", "to", "16-true", "bf16-true", "64-true"],
)
def test_states_keep_their_types_when_the_module_is_converted(convert: Callable[[nn.Module], nn.Module]) -> None:
    metrics = MeanLoss(), OverlapMetrics(2)
    convert(nn.ModuleList(metrics))
    for _ in range(2):
        assert {name: getattr(metric, name).dtype for metric in metrics for name in metric._defaults} == {
            "total": torch.float32,
            "images": torch.int64,
            "confusion": torch.int64,
            "image_iou_sum": torch.float32,
            "image_count": torch.int64,
            "undefined": torch.int64,
        }
        for metric in metrics:
            metric.reset()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_mean_in_half_precision_counts_all_images(dtype: torch.dtype) -> None:
    metric = MeanLoss().to(dtype)
    for _ in range(2100):
        metric.update(torch.tensor([0.1]), torch.ones(1))
    assert metric.compute().item() == pytest.approx(0.1, rel=1e-4)


def test_the_states_move_to_the_device_of_the_module() -> None:
    metric = MeanLoss().to("meta", torch.float16)
    assert (metric.total.device.type, metric.total.dtype) == ("meta", torch.float32)


@pytest.mark.gpu
def test_counting_does_not_wait_for_the_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    target = torch.randint(3, (2, 8, 8), device="cuda")
    metrics = OverlapMetrics(3, IGNORED).to("cuda")
    metrics.update(target, target)  # the first call loads what it needs
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        metrics.update(target, target)
    finally:
        torch.cuda.set_sync_debug_mode(before)
    assert metrics.compute()["iou"] == 1
