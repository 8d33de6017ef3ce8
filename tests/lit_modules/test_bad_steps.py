from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.optim import SGD, Adam
from torch.utils.data import TensorDataset

from lit_modules import Segmentation
from lit_modules.bad_steps import BadSteps, Found
from tests.helpers.pixelwise import fit, make_module, make_trainer


class BadBatches(Callback):
    """Makes the loss of some batches (from 0, in every epoch) infinite with finite gradients, or both NaN."""

    def __init__(self, *batches: int, logit: float = -torch.inf) -> None:
        self.batches = batches
        self.logit = logit

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx in self.batches:
            # With -inf, a class is excluded that is the truth.
            pl_module.network.layer.register_forward_hook(self.exclude)

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        pl_module.network.layer._forward_hooks.clear()

    def exclude(self, _layer: Any, _arguments: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits.masked_fill(torch.ones_like(logits, dtype=torch.bool).triu(), self.logit)


def trained(folder: Path, pairs: TensorDataset, *callbacks: Callback, **settings: Any) -> Segmentation:
    module = make_module(optimizer=lambda params: SGD(params, lr=0.1))
    fit(make_trainer(folder, *callbacks, **settings), module, pairs)
    return module


def test_steps_whose_loss_is_not_finite_are_counted_and_named_each_epoch_and_at_the_end(
    tmp_path: Path, pairs: TensorDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    module = trained(tmp_path, pairs, BadBatches(1, 3), max_epochs=2)
    assert all(weight.isfinite().all() for weight in module.parameters())
    assert module.bad_steps.of_run == Found(4, 2)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("Steps")] == [
        "Steps of this epoch whose loss is not finite: 2, the first is step 2.",
        "Steps of this epoch whose loss is not finite: 2, the first is step 7.",
        "Steps of this run whose loss is not finite: 4, the first is step 2.",
    ]


def test_a_run_without_bad_steps_says_nothing(
    tmp_path: Path, pairs: TensorDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path, pairs).bad_steps.of_run == Found()
    assert "finite" not in capsys.readouterr().out


def test_one_bad_batch_of_an_accumulated_step_is_one_bad_step(tmp_path: Path, pairs: TensorDataset) -> None:
    module = trained(tmp_path, pairs, BadBatches(2, 3), accumulate_grad_batches=2)
    assert module.bad_steps.of_run == Found(1, 2)


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_a_scaler_skips_is_none(tmp_path: Path, pairs: TensorDataset, fused: bool) -> None:
    precision = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=1.0))
    module = make_module(optimizer=lambda params: Adam(params, lr=0.1, fused=fused))
    fit(make_trainer(tmp_path, BadBatches(1, 3, logit=torch.nan), plugins=[precision]), module, pairs)
    assert module.bad_steps.of_run == Found()
    assert all(weight.isfinite().all() for weight in module.parameters())


class SaveAfter(Callback):
    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("step", [2, 3, 4, 6, 9])
def test_the_count_is_the_same_after_a_resume(
    tmp_path: Path, pairs: TensorDataset, capsys: pytest.CaptureFixture[str], step: int
) -> None:
    path = tmp_path / "a.pth"
    trained(tmp_path, pairs, BadBatches(1, 3), SaveAfter(path, step), max_epochs=2)
    whole = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Steps")]
    module = make_module(optimizer=lambda params: SGD(params, lr=0.1))
    fit(make_trainer(tmp_path, BadBatches(1, 3), max_epochs=2), module, pairs, done=step % 5, ckpt_path=path)
    resumed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Steps")]
    assert resumed == (whole if step < 5 else whole[1:])


@pytest.mark.parametrize("skipped", [(), (300, 301)])
@pytest.mark.parametrize("bad", [(1,), (256, 257), (257, 700), (512, 513, 699), ()])
def test_every_step_of_a_long_epoch_counts(bad: tuple[int, ...], skipped: tuple[int, ...]) -> None:
    steps, optimizer = BadSteps(), SGD([torch.zeros(1)], lr=0.1)
    for step in range(1, 701):
        steps.begin_step()
        steps.add(torch.tensor(torch.nan if step in (*bad, *skipped) else 1.0))
        if step not in skipped:
            steps.end_step(optimizer, step)
    assert steps.first == min(bad, default=0)
    assert steps.end_epoch() == Found(len(bad), min(bad, default=0))
    assert steps.end_epoch() == Found()


def test_nothing_is_counted_before_the_first_batch() -> None:
    steps = BadSteps()
    steps.end_step(SGD([torch.zeros(1)], lr=0.1), 1)
    assert steps.end_epoch() == Found()
