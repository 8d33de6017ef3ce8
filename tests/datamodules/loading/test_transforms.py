import random

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from datamodules.loading.transforms import PairTransform, default_augmentation, standardise


def pair(size: int = 16) -> tuple[Tensor, Tensor]:
    """An image whose bright pixels are exactly those of class 1."""
    target = (torch.rand(size, size, generator=torch.Generator().manual_seed(0)) > 0.6).int()
    return target.float().expand(3, -1, -1), target


def test_image_and_target_flip_together() -> None:
    image, target = pair()
    transform = PairTransform(None, default_augmentation())
    results = set()
    for key in range(20):
        new_image, new_target = transform(image, target, key)
        assert torch.equal((new_image[0] > 0).long(), new_target)
        results.add(tuple(new_target.flatten().tolist()))
    assert len(results) == 4


def test_the_target_is_never_interpolated() -> None:
    image, target = pair()
    rotated = PairTransform((37, 23), [v2.RandomAffine(40, scale=(0.5, 2.0))])(image, target * 7, 1)
    assert rotated[0].shape == (3, 37, 23)
    assert rotated[1].shape == (37, 23)
    assert set(rotated[1].flatten().tolist()) == {0, 7}


def test_photometric_transforms_do_not_change_the_target() -> None:
    image, target = torch.rand(3, 16, 16), pair()[1]
    changed, same = PairTransform(None, [v2.ColorJitter(0.5, 0.5, 0.5), v2.GaussianNoise()])(image, target, 1)
    assert torch.equal(same, target.long())
    assert not torch.allclose(changed, standardise(image))


def test_results_are_plain_tensors_of_the_documented_types() -> None:
    image, target = PairTransform((8, 8), default_augmentation())(*pair(), 1)
    assert type(image) is Tensor
    assert type(target) is Tensor
    assert (image.dtype, target.dtype) == (torch.float32, torch.int64)


class PythonNoise(nn.Module):
    """A transform of a user, which draws from another generator than torch's."""

    def forward(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return image + random.random() * torch.linspace(0, 1, image.shape[-1]), target


@pytest.mark.parametrize("module", [v2.GaussianNoise(), PythonNoise()])
def test_augmentation_depends_on_the_key_only(module: nn.Module) -> None:
    transform = PairTransform(None, [module])
    first, other = transform(*pair(), 0, 1)[0], transform(*pair(), 0, 2)[0]
    torch.rand(3)
    random.random()
    assert torch.equal(transform(*pair(), 0, 1)[0], first)
    assert not torch.equal(first, other)


def test_each_image_has_mean_0_and_standard_deviation_1() -> None:
    std, mean = torch.std_mean(PairTransform((8, 8))(torch.rand(3, 16, 16) * 0.1 + 0.3, pair()[1], 1)[0], correction=0)
    torch.testing.assert_close((std, mean), (torch.tensor(1.0), torch.tensor(0.0)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_an_image_of_one_colour_becomes_zeros(value: float) -> None:
    assert not PairTransform((9, 9))(torch.full((3, 16, 16), value), pair()[1], 1)[0].any()
