from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from datamodules.loading.target_resizing import resize_target
from datamodules.loading.transforms import PairTransform

# Everything in torchvision that moves pixels and returns one image, with moderate settings: the disc stays inside.
GEOMETRIC: dict[str, list[nn.Module]] = {
    "CenterCrop": [v2.CenterCrop(240)],
    "ElasticTransform": [v2.ElasticTransform(alpha=30.0, sigma=8.0)],
    "Pad": [v2.Pad([7, 3, 2, 11])],
    "RandomAffine": [v2.RandomAffine(30, translate=(0.05, 0.05), scale=(0.7, 1.2), shear=10)],
    "RandomCrop": [v2.RandomCrop(248)],
    "RandomHorizontalFlip": [v2.RandomHorizontalFlip(p=1), v2.Resize(64)],
    "RandomPerspective": [v2.RandomPerspective(0.2, p=1)],
    "RandomResize": [v2.RandomResize(66, 200)],
    "RandomResizedCrop": [v2.RandomResizedCrop(90, scale=(0.8, 1.0), ratio=(0.95, 1.05))],
    "RandomRotation": [v2.RandomRotation(90, interpolation=v2.InterpolationMode.BILINEAR, expand=True)],
    "RandomShortestSize": [v2.RandomShortestSize([70, 100, 150], max_size=140)],
    "RandomVerticalFlip": [v2.RandomVerticalFlip(p=1), v2.Resize([67, 80])],
    "RandomZoomOut": [v2.RandomZoomOut(side_range=(1.2, 2.0), p=1), v2.Resize(70)],
    "Resize": [v2.Resize(64, max_size=100)],
    "ScaleJitter": [v2.ScaleJitter((100, 100), scale_range=(0.7, 1.9))],
}
# What keeps every pixel in its place, or cannot be used on a pair of image and target.
OTHERS = {
    "AugMix",
    "AutoAugment",
    "ClampBoundingBoxes",
    "ClampKeyPoints",
    "ColorJitter",
    "Compose",
    "ConvertBoundingBoxFormat",
    "ConvertImageDtype",
    "CutMix",
    "FiveCrop",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "Identity",
    "JPEG",
    "Lambda",
    "LinearTransformation",
    "MixUp",
    "Normalize",
    "PILToTensor",
    "RGB",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChannelPermutation",
    "RandomChoice",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomInvert",
    "RandomIoUCrop",
    "RandomOrder",
    "RandomPhotometricDistort",
    "RandomPosterize",
    "RandomSolarize",
    "SanitizeBoundingBoxes",
    "SanitizeKeyPoints",
    "SetClampingMode",
    "TenCrop",
    "ToDtype",
    "ToImage",
    "ToPILImage",
    "ToPureTensor",
    "ToTensor",
    "Transform",
    "TrivialAugmentWide",
    "UniformTemporalSubsample",
}
POSITIONS = 20


def disc(size: int, centre: Tensor, radius: float) -> Tensor:
    """1 for each pixel whose centre is in the disc: int64 (size, size)."""
    at = torch.arange(size) + 0.5
    return ((at[:, None] - centre[0]) ** 2 + (at[None, :] - centre[1]) ** 2 < radius**2).long()


def centroid(weights: Tensor) -> Tensor:
    weights = weights.double()
    at = [torch.arange(length) + 0.5 for length in weights.shape]
    return torch.stack([(weights * at[0][:, None]).sum(), (weights * at[1][None, :]).sum()]) / weights.sum()


def mean_shift(transform: PairTransform, size: int, radius: float) -> Tensor:
    """The mean shift of the target against its image over positions of a disc, in output pixels (2,)."""
    generator = torch.Generator().manual_seed(0)
    shifts = []
    for number in range(POSITIONS):
        target = disc(size, size / 2 + (torch.rand(2, generator=generator) - 0.5) * size / 20, radius)
        image, moved = transform(target.float().expand(3, -1, -1), target, number)
        shifts.append(centroid(moved) - centroid(image[0] - image[0].min()))
    return torch.stack(shifts).mean(dim=0)


@pytest.mark.parametrize("size", [256, 512, 300, 251, 100, 64])
def test_a_resized_target_lies_on_its_image(size: int) -> None:
    shift = mean_shift(PairTransform((128, 128)), size, radius=32 * size / 128)
    assert shift.abs().max() < 0.05


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "ElasticTransform" else name for name in GEOMETRIC]
)
def test_the_target_lies_on_its_image_after_every_geometric_transform(name: str) -> None:
    shift = mean_shift(PairTransform(None, GEOMETRIC[name]), size=280, radius=68.0)
    assert shift.abs().max() < 0.05


def test_no_transform_of_torchvision_is_forgotten() -> None:
    transforms = {
        name
        for name, part in vars(v2).items()
        if isinstance(part, type) and issubclass(part, (v2.Transform, v2.ConvertImageDtype))
    }
    assert transforms == {*GEOMETRIC, *OTHERS}


def largest_share(target: Tensor, size: tuple[int, int]) -> Tensor:
    """The definition, pixel by pixel, in exact numbers."""
    counts = torch.bincount(target.flatten())
    resized = torch.empty(size, dtype=target.dtype)
    for row in range(size[0]):
        for column in range(size[1]):
            covered = dict.fromkeys(target.flatten().tolist(), Fraction(0))
            for y in range(target.shape[0]):
                for x in range(target.shape[1]):
                    across = overlap(y, row, target.shape[0], size[0]) * overlap(x, column, target.shape[1], size[1])
                    covered[int(target[y, x])] += across
            resized[row, column] = max(covered, key=lambda value: (covered[value], -counts[value], -value))
    return resized


def overlap(pixel: int, cell: int, pixels: int, cells: int) -> Fraction:
    start, end = Fraction(cell * pixels, cells), Fraction((cell + 1) * pixels, cells)
    return max(Fraction(0), min(end, Fraction(pixel + 1)) - max(start, Fraction(pixel)))


@pytest.mark.parametrize(
    ("before", "after"), [((8, 8), (4, 4)), ((8, 7), (5, 4)), ((5, 7), (10, 3)), ((4, 5), (9, 10)), ((5, 5), (1, 1))]
)
def test_each_pixel_gets_the_class_with_the_largest_share_and_of_equal_ones_the_rarer(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    target = torch.randint(3, before, generator=torch.Generator().manual_seed(0)) * 100 - 100
    assert torch.equal(resize_target(target, after), largest_share(target + 100, after) - 100)


def test_many_classes_are_counted_in_bounded_memory() -> None:
    target = torch.arange(300 * 200).reshape(300, 200) % 5003
    assert torch.equal(resize_target(target, (300, 200)), target)
    assert torch.equal(resize_target(target.repeat_interleave(2, 0).repeat_interleave(2, 1), (300, 200)), target)


def test_a_line_of_one_pixel_survives_half_the_size() -> None:
    target = torch.zeros(64, 64, dtype=torch.int64)
    target[:, 31] = 1
    assert torch.equal(resize_target(target, (32, 32)).sum(dim=1), torch.ones(32, dtype=torch.int64))


def test_a_value_that_a_transform_fills_masks_with_fills_targets() -> None:
    fill = {tv_tensors.Image: 0.5, tv_tensors.Mask: 255}
    padded = PairTransform(None, [v2.RandomApply([v2.Pad(2, fill=fill)], p=1.0)])
    _, target = padded(torch.rand(3, 4, 4), torch.zeros(4, 4, dtype=torch.int64), 0)
    assert (target[0] == 255).all()
