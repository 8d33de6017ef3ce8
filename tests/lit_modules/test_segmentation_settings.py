from collections.abc import Sequence
from typing import Any

import pytest
import torch
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from lit_modules import NetworkError, Segmentation
from lit_modules.networks import UNet


class Returning(nn.Module):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: Tensor) -> Any:
        return self.answer


def pixelwise(channels: int) -> nn.Module:
    return nn.Conv2d(3, channels, kernel_size=1)


def test_check_does_not_change_modes_and_buffers() -> None:
    class Counting(nn.Conv2d):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__(3, 1, 1)
            self.norm = nn.BatchNorm2d(3).eval()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, image: Tensor) -> Tensor:
            self.calls += 1
            return super().forward(self.norm(image))

    module = Segmentation(Counting(), num_classes=2)
    module.check(torch.randn(1, 3, 5, 5))
    assert module.network.calls == 0
    assert module.network.training
    assert not module.network.norm.training  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("network", "num_classes", "words"),
    [
        (pixelwise(4), 3, ["Conv2d returns (1, 4, 8, 8)", "(1, 3, 8, 8)", "num_classes 3"]),
        (pixelwise(1), 3, ["Conv2d returns (1, 1, 8, 8)"]),
        (pixelwise(3), 2, ["(1, 1, 8, 8) / (1, 2, 8, 8)"]),
        (nn.Conv2d(3, 1, 3), 2, ["Conv2d returns (1, 1, 6, 6)"]),
        (nn.Conv2d(1, 1, 1), 2, ["Conv2d does not accept an image of shape (1, 3, 8, 8)", "channels"]),
        (Returning({"out": 1, "aux": 2}), 2, ["returns dict (out: int, aux: int)", "as aux if there is a second head"]),
        (Returning({"logits": torch.zeros(1, 1, 8, 8)}), 2, ["returns dict (logits: (1, 1, 8, 8), torch.float32)"]),
        (Returning({"out": torch.zeros(1, 1, 8, 8), "mid": 0}), 2, ["mid: int"]),
        (Returning({"out": torch.zeros(1, 1, 8, 8), "aux": torch.zeros(1, 1, 4, 4)}), 2, ["aux: (1, 1, 4, 4)"]),
        (Returning(torch.zeros(1, 1, 8, 8, dtype=torch.int64)), 2, ["torch.int64", "floating-point"]),
    ],
    ids=[
        "channels",
        "one of three",
        "three of two",
        "size",
        "input",
        "dict",
        "no out",
        "third head",
        "small head",
        "integers",
    ],
)
def test_check_refuses_a_network_that_does_not_fit(network: nn.Module, num_classes: int, words: Sequence[str]) -> None:
    with pytest.raises(NetworkError) as error:
        Segmentation(network, num_classes).check(torch.randn(1, 3, 8, 8))
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_check_refuses_weights_that_are_not_finite_unless_they_are_frozen(value: float) -> None:
    network = pixelwise(2)
    nn.init.constant_(network.bias, value)  # type: ignore[arg-type]
    with pytest.raises(NetworkError, match="Conv2d: the weight bias is not finite before training"):
        Segmentation(network, 2).check(torch.randn(1, 3, 8, 8))
    network.bias.requires_grad_(False)
    Segmentation(network, 2).check(torch.randn(1, 3, 8, 8))


def test_check_accepts_networks_that_fit() -> None:
    Segmentation(UNet(out_channels=3, width=2), 3).check(torch.randn(1, 3, 17, 9))
    Segmentation(pixelwise(2), 2).check(torch.randn(1, 3, 1, 1))


def test_all_wrong_settings_are_named_in_one_error() -> None:
    with pytest.raises(NetworkError, match=r"(?s)num_classes is 1; .*\nignore_index is 0; .*\ndice_weight is -1"):
        Segmentation(pixelwise(1), num_classes=1, ignore_index=0, dice_weight=-1)


# Lightning 2.6.6 uses a deprecated function of jsonargparse.
through_jsonargparse = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def from_command_line(*arguments: str) -> Segmentation:
    parser = LightningArgumentParser()
    parser.add_lightning_class_args(Segmentation, "model")
    module = parser.instantiate_classes(parser.parse_args([f"--model.{each}" for each in arguments])).model
    assert isinstance(module, Segmentation)
    return module


@through_jsonargparse
def test_network_optimizer_and_schedule_can_be_set_by_class_path() -> None:
    module = from_command_line(
        "num_classes=2",
        "network=torch.nn.Conv2d",
        "network.in_channels=3",
        "network.out_channels=1",
        "network.kernel_size=1",
        "optimizer=torch.optim.SGD",
        "optimizer.lr=0.5",
        "lr_scheduler=torch.optim.lr_scheduler.StepLR",
        "lr_scheduler.step_size=3",
    )
    assert isinstance(module.network, nn.Conv2d)
    optimizer = module.optimizer(module.parameters())
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert module.lr_scheduler is not None
    assert isinstance(module.lr_scheduler(optimizer), StepLR)


@through_jsonargparse
def test_the_default_optimizer_is_used_if_the_command_line_sets_none() -> None:
    module = from_command_line("num_classes=3", "network=lit_modules.networks.UNet", "network.width=4")
    assert module.optimizer(module.parameters()).param_groups[0]["lr"] == 1e-3
