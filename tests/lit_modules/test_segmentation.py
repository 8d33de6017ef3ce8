import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import ReduceLROnPlateau
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

from lit_modules import Segmentation
from lit_modules.losses import image_losses
from lit_modules.networks import UNet
from tests.helpers.pixelwise import Pixelwise, Records, fit, make_module, make_trainer


class StopHereError(Exception):
    pass


class SaveAndStop(Callback):
    """Saves and stops after a batch of the second epoch or in its validation, like an interruption."""

    def __init__(self, path: Path, batch: int | None) -> None:
        self.path, self.batch = path, batch

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.current_epoch == 1 and batch_idx == self.batch:
            trainer.save_checkpoint(self.path)
            raise StopHereError

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1 and self.batch is None:
            trainer.save_checkpoint(self.path)
            raise StopHereError


def validate(folder: Path, module: Segmentation, pairs: TensorDataset, batch_size: int) -> dict[str, float]:
    trainer = make_trainer(folder)
    trainer.validate(module, DataLoader(pairs, batch_size), verbose=False)
    return {name: value.item() for name, value in trainer.callback_metrics.items()}


def test_validation_does_not_depend_on_the_batch_size(tmp_path: Path, pairs: TensorDataset) -> None:
    module = make_module()
    figures = [validate(tmp_path, module, pairs, size) for size in (1, 3, 8)]
    assert figures[0].keys() == {"val/loss", "val/iou", "val/dice", "val/iou_per_image"}
    assert figures[1] == pytest.approx(figures[0], abs=1e-6)
    assert figures[2] == pytest.approx(figures[0], abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_images_with_only_ignored_pixels_are_not_counted(tmp_path: Path, pairs: TensorDataset, batch_size: int) -> None:
    module = make_module(ignore_index=255)
    kept = TensorDataset(pairs.tensors[0][4:], pairs.tensors[1][4:])
    pairs.tensors[1][:4] = 255
    expected = validate(tmp_path, module, kept, 3)
    assert validate(tmp_path, module, pairs, batch_size) == pytest.approx(expected, abs=1e-6)


def test_one_channel_is_equivalent_to_two_with_zero_for_the_background(pairs: TensorDataset) -> None:
    one, two = Pixelwise(1), Pixelwise(2)
    nn.init.zeros_(two.layer.weight), nn.init.zeros_(two.layer.bias)  # type: ignore[arg-type]
    two.layer.weight.data[1:], two.layer.bias.data[1:] = one.layer.weight.data, one.layer.bias.data  # type: ignore[union-attr]
    image = pairs.tensors[0][:3]
    torch.testing.assert_close(make_module(one)(image), make_module(two)(image))


class TwoHeads(nn.Module):
    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.out, self.aux = (nn.Conv2d(3, channels, kernel_size=1) for _ in range(2))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"aux": self.aux(image), "out": self.out(image)}


def test_a_second_head_is_trained_by_half_of_its_loss_and_is_no_result(tmp_path: Path, pairs: TensorDataset) -> None:
    network = TwoHeads(2)
    plain, constant = (lambda weights: SGD(weights, lr=1.0)), (lambda sgd: StepLR(sgd, 1))
    module = make_module(network, optimizer=plain, lr_scheduler=constant)
    heads = [network.out, network.aux]
    before = [copy.deepcopy(head) for head in heads]
    images, targets = pairs.tensors
    torch.testing.assert_close(module(images), before[0](images))
    losses = [image_losses(head(images), targets)[0].mean() for head in before]
    torch.autograd.backward([losses[0], losses[1] / 2])
    trainer = make_trainer(tmp_path, max_steps=1)
    trainer.fit(module, DataLoader(pairs, batch_size=10), DataLoader(pairs, batch_size=10))
    for head, old in zip(heads, before, strict=True):
        assert old.weight.grad is not None
        torch.testing.assert_close(head.weight, old.weight - old.weight.grad)
    main = Pixelwise(2)
    main.layer = network.out
    figures = {name: trainer.callback_metrics[name].item() for name in ("val/loss", "val/iou")}
    assert validate(tmp_path, make_module(main), pairs, 10).items() >= figures.items()


def test_the_sanity_check_does_not_change_the_metrics(tmp_path: Path, pairs: TensorDataset) -> None:
    with_check, without = Records(), Records()
    for figures, steps in ((with_check, 2), (without, 0)):
        fit(make_trainer(tmp_path, figures, num_sanity_val_steps=steps), make_module(), pairs)
    assert with_check.epochs == without.epochs


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_training_learns_an_easy_task(tmp_path: Path, pairs: TensorDataset, precision: Any) -> None:
    figures = Records()
    module = make_module(optimizer=lambda params: torch.optim.AdamW(params, lr=0.1))
    fit(make_trainer(tmp_path, figures, max_epochs=8, precision=precision), module, pairs)
    assert figures.epochs[-1]["train/loss"] < figures.epochs[0]["train/loss"]
    assert figures.epochs[-1]["val/iou"] > 0.9


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_network_whose_weights_are_nan_has_no_metric(tmp_path: Path, pairs: TensorDataset, precision: Any) -> None:
    module = make_module()
    nn.init.constant_(module.network.layer.bias, torch.nan)  # type: ignore[union-attr, arg-type]
    trainer = make_trainer(tmp_path, precision=precision)
    trainer.validate(module, DataLoader(pairs, 3), verbose=False)
    assert len(trainer.callback_metrics) == 4
    assert all(value.isnan() for value in trainer.callback_metrics.values())


def test_a_batch_with_only_ignored_pixels_changes_no_weight(tmp_path: Path, pairs: TensorDataset) -> None:
    pairs.tensors[1][:] = 255
    module = make_module(ignore_index=255, optimizer=lambda params: SGD(params, lr=1.0))
    before = module.network.layer.weight.clone()  # type: ignore[union-attr, operator]
    fit(make_trainer(tmp_path, limit_val_batches=0), module, pairs)
    assert torch.equal(before, module.network.layer.weight)  # type: ignore[union-attr, arg-type]


def test_a_checkpoint_holds_the_network_and_plain_values(tmp_path: Path, pairs: TensorDataset) -> None:
    trainer, module = make_trainer(tmp_path), make_module(UNet(width=2))
    fit(trainer, module, pairs)
    trainer.save_checkpoint(tmp_path / "a.pth")
    saved = torch.load(tmp_path / "a.pth", weights_only=True)
    assert saved["state_dict"].keys() == {f"network.{name}" for name in module.network.state_dict()}
    assert saved["train_loss"].keys() == {"epoch", "total", "images"}


@pytest.mark.parametrize("batch", [0, 2, None], ids=["first batch", "third batch", "validation"])
def test_a_resumed_epoch_reports_the_loss_of_the_whole_epoch(
    tmp_path: Path, pairs: TensorDataset, batch: int | None
) -> None:
    whole, resumed, path = Records(), Records(), tmp_path / "stopped.pth"
    fit(make_trainer(tmp_path, whole, max_epochs=3), make_module(), pairs)
    with pytest.raises(StopHereError):
        fit(make_trainer(tmp_path, SaveAndStop(path, batch), max_epochs=3), make_module(), pairs)
    done = 0 if batch is None else batch + 1
    fit(make_trainer(tmp_path, resumed, max_epochs=3), make_module(), pairs, done=done, ckpt_path=path)
    losses = [[epoch["train/loss"] for epoch in figures.epochs] for figures in (whole, resumed)]
    assert losses[1] == losses[0][1:]


def test_after_a_resume_at_the_end_of_an_epoch_the_loss_covers_the_next_epoch_only(
    tmp_path: Path, pairs: TensorDataset
) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.save_checkpoint(tmp_path / "one.pth")

    whole, resumed = Records(), Records()
    fit(make_trainer(tmp_path, whole, max_epochs=2), make_module(lr_scheduler=flat), pairs)
    fit(make_trainer(tmp_path, Save(), max_epochs=1), make_module(lr_scheduler=flat), pairs)
    module = make_module(lr_scheduler=flat)
    fit(make_trainer(tmp_path, resumed, max_epochs=2), module, pairs, ckpt_path=tmp_path / "one.pth")
    assert resumed.epochs == whole.epochs[1:]


def flat(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def test_a_plateau_schedule_is_stepped_with_its_metric_after_each_epoch(tmp_path: Path, pairs: TensorDataset) -> None:
    module = make_module(
        optimizer=lambda params: SGD(params, lr=0.0),
        lr_scheduler=lambda optimizer: ReduceLROnPlateau(optimizer, monitor="val/loss", patience=0, factor=0.5),
    )
    trainer = make_trainer(tmp_path, max_epochs=3)
    fit(trainer, module, pairs)
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    assert isinstance(scheduler, ReduceLROnPlateau)
    assert scheduler.best == trainer.callback_metrics["val/loss"].item()
    assert scheduler.last_epoch == 3


def test_a_plateau_schedule_is_not_stepped_with_nan(tmp_path: Path, pairs: TensorDataset) -> None:
    pairs.tensors[1][:] = 0
    module = make_module(
        optimizer=lambda params: SGD(params, lr=0.5),
        lr_scheduler=lambda optimizer: ReduceLROnPlateau(optimizer, monitor="val/iou", mode="max", patience=0),
    )
    trainer = make_trainer(tmp_path, max_epochs=3)
    fit(trainer, module, pairs)
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.5


def test_only_a_validation_without_foreground_is_named_not_the_sanity_check(
    tmp_path: Path, pairs: TensorDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs.tensors[1][:4] = 0
    fit(make_trainer(tmp_path, num_sanity_val_steps=2), make_module(), pairs)
    assert "no foreground" not in capsys.readouterr().out
    pairs.tensors[1][:] = 0
    fit(make_trainer(tmp_path, max_epochs=2), make_module(), pairs)
    assert capsys.readouterr().out.count("The ground truth of the validation has no foreground") == 1


def test_a_logit_of_minus_infinity_of_an_absent_class_changes_no_metric(tmp_path: Path, pairs: TensorDataset) -> None:
    network = Pixelwise(3)
    network.layer.bias.data[2] = -30  # type: ignore[union-attr]
    expected = validate(tmp_path, make_module(network, 3), pairs, 3)
    network.layer.bias.data[2] = -math.inf  # type: ignore[union-attr]
    assert validate(tmp_path, make_module(network, 3), pairs, 3) == pytest.approx(expected, abs=1e-6)


def test_the_optimizer_does_not_get_frozen_weights(tmp_path: Path, pairs: TensorDataset) -> None:
    network = Pixelwise()
    network.layer.bias.requires_grad_(False)  # type: ignore[union-attr]
    trainer = make_trainer(tmp_path)
    fit(trainer, make_module(network), pairs)
    assert len(trainer.optimizers[0].param_groups[0]["params"]) == 1


@pytest.mark.gpu
def test_training_on_cuda_uses_deterministic_operations_only(tmp_path: Path, pairs: TensorDataset) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    figures = Records()
    trainer = make_trainer(tmp_path, figures, accelerator="cuda", devices=1, deterministic=True)
    fit(trainer, make_module(UNet(out_channels=3, width=2), 3), pairs)
    assert figures.epochs[0].keys() >= {"train/loss", "val/loss", "val/iou", "val/iou_per_image"}
