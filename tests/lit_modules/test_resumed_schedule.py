"""The learning rate and the optimizer of a resumed run whose settings have changed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.cli import LRSchedulerCallable
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import ExponentialLR, SequentialLR, StepLR
from torch.utils.data import DataLoader, TensorDataset

from lit_modules.schedules import warmup_cosine
from tests.helpers.pixelwise import Records, fit, make_module, make_trainer


@pytest.fixture
def two_of_four_epochs(tmp_path: Path, pairs: TensorDataset) -> Path:
    """A checkpoint in the middle of a run: five batches of two in each epoch."""
    path = tmp_path / "two.pth"
    trainer = make_trainer(tmp_path, Saves(path, after_epoch=1), max_epochs=4)
    fit(trainer, make_module(), pairs)
    return path


class Saves(Callback):
    def __init__(self, path: Path, after_epoch: int) -> None:
        self.path, self.after_epoch = path, after_epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == self.after_epoch:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize(
    ("batch_size", "settings", "steps"),
    [(1, {}, 10), (5, {}, 2), (2, {"accumulate_grad_batches": 2}, 3), (2, {"limit_train_batches": 2}, 2)],
    ids=["smaller batches", "larger batches", "accumulation", "part of the data"],
)
def test_the_rate_follows_the_progress_when_an_epoch_gets_another_number_of_steps(
    tmp_path: Path,
    pairs: TensorDataset,
    two_of_four_epochs: Path,
    batch_size: int,
    settings: dict[str, Any],
    steps: int,
) -> None:
    figures = Records()
    trainer = make_trainer(tmp_path, figures, max_epochs=4, **settings)
    loader = DataLoader(pairs, batch_size=batch_size)
    trainer.fit(make_module(), loader, DataLoader(pairs), ckpt_path=two_of_four_epochs, weights_only=True)
    batches = trainer.num_training_batches
    summed = settings.get("accumulate_grad_batches", 1)
    starts = [step * summed / batches for step in range(steps)]
    expected = [1e-3 * warmup_cosine((epoch + start) / 4) for epoch in (2, 3) for start in starts]
    assert sorted(set(figures.rates)) == pytest.approx(sorted(expected))
    assert figures.rates[-1] > 0


def test_a_changed_learning_rate_and_weight_decay_are_taken_and_the_moments_stay(
    tmp_path: Path, pairs: TensorDataset, two_of_four_epochs: Path
) -> None:
    class KeepsMoments(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.moments = [values["exp_avg"].clone() for values in trainer.optimizers[0].state.values()]

    figures, kept = Records(), KeepsMoments()
    module = make_module(optimizer=lambda params: AdamW(params, lr=2e-3, weight_decay=0.5))
    trainer = make_trainer(tmp_path, figures, kept, max_epochs=4)
    fit(trainer, module, pairs, ckpt_path=two_of_four_epochs)
    assert figures.rates == pytest.approx([2e-3 * warmup_cosine((10 + step) / 20) for step in range(10)])
    assert trainer.optimizers[0].param_groups[0]["weight_decay"] == 0.5
    saved = torch.load(two_of_four_epochs, weights_only=True)["optimizer_states"][0]["state"].values()
    assert all(torch.equal(moment, old["exp_avg"]) for moment, old in zip(kept.moments, saved, strict=True))


@pytest.mark.parametrize(
    ("scheduler", "rate"),
    [
        (lambda optimizer: StepLR(optimizer, step_size=1, gamma=0.5), 0.25),
        (lambda optimizer: SequentialLR(optimizer, [StepLR(optimizer, 1), ExponentialLR(optimizer, 0.5)], [1]), 0.5),
    ],
    ids=["StepLR", "SequentialLR"],
)
def test_a_changed_learning_rate_scales_a_schedule_of_the_user(
    tmp_path: Path, pairs: TensorDataset, scheduler: LRSchedulerCallable, rate: float
) -> None:
    path, rates = tmp_path / "two.pth", []
    for lr in (1.0, 3.0):
        figures = Records()
        module = make_module(optimizer=lambda params, lr=lr: SGD(params, lr=lr), lr_scheduler=scheduler)
        trainer = make_trainer(tmp_path, figures, Saves(path, after_epoch=1), max_epochs=2 if lr == 1 else 3)
        fit(trainer, module, pairs, ckpt_path=path if lr == 3 else None)
        rates.append(figures.rates)
    assert rates[1] == pytest.approx([3 * rate] * 5)


def test_an_extended_run_says_its_present_highest_and_last_rate(
    tmp_path: Path, pairs: TensorDataset, two_of_four_epochs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    fit(make_trainer(tmp_path, max_epochs=24), make_module(), pairs, ckpt_path=two_of_four_epochs)
    assert (
        "Learning rate on the new length of the run: now 0.000541, highest 0.000985, last 1.9e-07."
        in capsys.readouterr().out
    )


def test_a_resume_with_more_epochs_follows_the_longer_schedule(tmp_path: Path, pairs: TensorDataset) -> None:
    long, resumed = Records(), Records()
    fit(make_trainer(tmp_path, long, max_epochs=8), make_module(), pairs)
    trainer = make_trainer(tmp_path, max_epochs=4)
    fit(trainer, make_module(), pairs)
    trainer.save_checkpoint(tmp_path / "four.pth")
    trainer = make_trainer(tmp_path, resumed, max_epochs=8)
    fit(trainer, make_module(), pairs, ckpt_path=tmp_path / "four.pth")
    # The first step still has the rate in the checkpoint.
    assert resumed.rates[1:] == pytest.approx(long.rates[21:])
