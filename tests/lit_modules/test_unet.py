import pytest
import torch

from lit_modules.networks import UNet


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (16, 16), (1, 40), (256, 256)])
def test_logits_are_as_large_as_the_image(size: tuple[int, int]) -> None:
    network = UNet(out_channels=3, width=2).eval()
    with torch.no_grad():
        assert network(torch.randn(2, 3, *size)).shape == (2, 3, *size)


def test_a_single_tiny_image_can_be_trained_on() -> None:
    network = UNet(width=2)
    network(torch.randn(1, 3, 1, 1)).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_and_width_are_free(depth: int) -> None:
    network = UNet(in_channels=1, width=3, depth=depth).eval()
    assert network(torch.randn(1, 1, 20, 20)).shape == (1, 1, 20, 20)


def test_default_size_in_parameters() -> None:
    assert sum(weight.numel() for weight in UNet().parameters()) == 1_746_257


def test_evaluation_is_deterministic_despite_dropout_while_training_is_not() -> None:
    network, image = UNet(width=2, dropout=0.5), torch.randn(1, 3, 32, 32)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_an_image_is_judged_by_itself_in_evaluation() -> None:
    network, images = UNet(width=2).eval(), torch.randn(3, 3, 20, 20)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


def test_all_arguments_out_of_range_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"width is 0, expected 1 or more; dropout is 1.5, expected 0"):
        UNet(width=0, dropout=1.5)
