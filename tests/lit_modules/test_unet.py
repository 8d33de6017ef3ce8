import pytest
import torch

from lit_modules.networks import UNet


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (16, 16), (1, 40), (256, 256)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    network = UNet(out_channels=3, width=2).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, *size)).shape == (2, 3, *size)


def test_training_works_on_a_single_image_of_one_pixel() -> None:
    network = UNet(width=2)
    network(torch.randn(1, 3, 1, 1)).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_any_depth_is_accepted(depth: int) -> None:
    network = UNet(in_channels=1, width=3, depth=depth).eval()
    assert network(torch.randn(1, 1, 20, 20)).shape == (1, 1, 20, 20)


def test_the_default_network_has_1_746_257_parameters() -> None:
    assert sum(weight.numel() for weight in UNet().parameters()) == 1_746_257


def test_with_dropout_training_is_random_and_evaluation_is_not() -> None:
    network, image = UNet(width=2, dropout=0.5), torch.randn(1, 3, 32, 32)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_in_evaluation_an_image_does_not_depend_on_its_batch() -> None:
    network, images = UNet(width=2).eval(), torch.randn(3, 3, 20, 20)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


def test_all_arguments_out_of_range_are_named_in_one_error() -> None:
    with pytest.raises(
        ValueError, match=r"width is 0; it must be at least 1\.\nUNet: dropout is 1.5; it must be at least 0"
    ):
        UNet(width=0, dropout=1.5)
