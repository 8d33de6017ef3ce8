import math

import pytest
import torch
from torch.nn import functional

from lit_modules.losses import image_losses


def test_without_dice_the_loss_is_the_cross_entropy_of_each_image() -> None:
    logits, target = torch.randn(4, 3, 5, 7), torch.randint(3, (4, 5, 7))
    losses, weights = image_losses(logits, target, dice_weight=0)
    expected = functional.cross_entropy(logits, target, reduction="none").mean(dim=(1, 2))
    torch.testing.assert_close(losses, expected)
    assert weights.tolist() == [1, 1, 1, 1]


def test_dice_of_two_classes_is_that_of_the_foreground() -> None:
    logits, target = torch.randn(2, 2, 4, 4), torch.randint(2, (2, 4, 4))
    dice_part = image_losses(logits, target, dice_weight=1)[0] - image_losses(logits, target, dice_weight=0)[0]
    probs = logits.softmax(dim=1)[:, 1]
    overlap, size = (probs * target).sum(dim=(1, 2)), (probs + target).sum(dim=(1, 2))
    torch.testing.assert_close(dice_part, 1 - (2 * overlap + 1) / (size + 1))


def test_dice_of_three_classes_is_the_mean_over_all() -> None:
    target = torch.tensor([[[0, 1, 2, 2]]])
    logits = torch.zeros(1, 3, 1, 4)
    dice_part = image_losses(logits, target, dice_weight=1)[0] - math.log(3)
    by_class = [(2 * n / 3 + 1) / (4 / 3 + n + 1) for n in (1, 1, 2)]
    torch.testing.assert_close(dice_part, torch.tensor([1 - sum(by_class) / 3]))


@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_loss_of_a_good_prediction_is_near_0_if_not_all_classes_occur(num_classes: int) -> None:
    target = torch.zeros(2, 64, 64, dtype=torch.int64)
    target[1, :, :20] = num_classes - 1
    logits = 7.0 * functional.one_hot(target, num_classes).permute(0, 3, 1, 2)
    assert image_losses(logits, target)[0].max() < 0.02


def test_a_class_that_is_only_predicted_increases_the_dice_loss() -> None:
    target = torch.zeros(1, 1, 8, dtype=torch.int64)
    right = torch.tensor([5.0, 0, 0]).view(1, 3, 1, 1).repeat(1, 1, 1, 8)
    wrong = right.clone().requires_grad_()
    with torch.no_grad():
        wrong[0, 2, 0, 0] = 6
    dice_part = image_losses(wrong, target, dice_weight=1)[0] - image_losses(wrong, target, dice_weight=0)[0]
    p = wrong.softmax(dim=1)[0, :, 0]
    dices = [(2 * p[0].sum() + 1) / (p[0].sum() + 9), 1 / (p[2].sum() + 1)]
    torch.testing.assert_close(dice_part[0], 1 - (dices[0] + dices[1]) / 2)
    dice_part.sum().backward()  # type: ignore[no-untyped-call]
    assert wrong.grad is not None
    assert wrong.grad[0, 2, 0, 0] > 0


@pytest.mark.parametrize(
    ("pixel", "channel"), [(0, 2), (0, 1), (1, 0), (1, slice(None))], ids=["other", "true", "ignored", "all of ignored"]
)
def test_a_logit_of_minus_infinity_has_the_loss_and_gradient_of_cross_entropy(pixel: int, channel: int | slice) -> None:
    logits, target = torch.randn(1, 3, 1, 4), torch.tensor([[[1, 255, 0, 2]]])
    logits[0, channel, 0, pixel] = -math.inf
    expected, measured = (logits.clone().requires_grad_() for _ in range(2))
    loss = functional.cross_entropy(expected, target, ignore_index=255)
    own_loss = image_losses(measured, target, ignore_index=255, dice_weight=0)[0][0]
    torch.testing.assert_close(own_loss, loss)
    torch.autograd.backward([loss, own_loss])
    assert expected.grad is not None
    # The gradient of cross_entropy is NaN at an ignored pixel that has no finite logit.
    torch.testing.assert_close(measured.grad, expected.grad.nan_to_num(nan=0.0))
    assert not image_losses(logits, target, ignore_index=255)[0].isnan()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_of_an_ignored_pixel_have_no_influence(value: float) -> None:
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    target[:, 1] = 255
    expected = image_losses(logits, target, ignore_index=255)[0]
    logits[:, :, 1] = value
    logits.requires_grad_()
    losses = image_losses(logits, target, ignore_index=255)[0]
    losses.sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(losses, expected)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dice_weight", [0.0, 1.0])
def test_the_loss_is_nan_if_a_logit_is(dice_weight: float) -> None:
    logits = torch.zeros(1, 2, 3, 3)
    logits[0, 0, 1, 1] = math.nan
    assert image_losses(logits, torch.zeros(1, 3, 3, dtype=torch.int64), None, dice_weight)[0].isnan()


@pytest.mark.parametrize("ignore_index", [255, -1])
def test_ignored_pixels_do_not_change_the_loss(ignore_index: int) -> None:
    logits, target = torch.randn(2, 3, 6, 6), torch.randint(3, (2, 6, 6))
    target[:, :, 4:] = ignore_index
    whole = image_losses(logits, target, ignore_index)[0]
    cropped = image_losses(logits[..., :4], target[..., :4])[0]
    torch.testing.assert_close(whole, cropped)


def test_an_image_with_only_ignored_pixels_has_no_weight_and_no_gradient() -> None:
    logits = torch.randn(2, 2, 3, 3, requires_grad=True)
    target = torch.stack([torch.full((3, 3), 255), torch.zeros(3, 3, dtype=torch.int64)])
    losses, weights = image_losses(logits, target, ignore_index=255)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert losses[0] == 0
    assert weights.tolist() == [0, 1]
    assert logits.grad is not None
    assert not logits.grad[0].any()
    assert logits.grad[1].any()


def test_half_precision_does_not_overflow_on_a_large_image() -> None:
    logits = torch.full((1, 2, 300, 300), 9.0, dtype=torch.float16)
    target = torch.ones(1, 300, 300, dtype=torch.int64)
    assert torch.isfinite(image_losses(logits, target)[0]).all()


def test_the_loss_uses_deterministic_operations_only() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    torch.use_deterministic_algorithms(True)
    try:
        image_losses(logits, torch.zeros(1, 4, 4, dtype=torch.int64))[0].sum().backward()  # type: ignore[no-untyped-call]
    finally:
        torch.use_deterministic_algorithms(False)
