import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import Tensor, nn

from callbacks import NotFiniteError
from callbacks.finite_weights import _wrong
from tests.helpers.stopping import PlannedError, SignalAtStep
from tests.helpers.tiny import BATCHES, ScriptedScores, load, names, train

FILES_OF_EPOCH_1 = ["best_model.pth", "checkpoint_epoch_1.pth", "latest_checkpoint.pth"]


class NanLoss(Callback):
    """Makes the loss of one step NaN, and with it all weights that it trains."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        if trainer.global_step == self.step:
            loss.data.fill_(math.nan)
            for weight in pl_module.parameters():
                weight.register_hook(lambda grad: grad * math.nan)


def diverging(folder: Path, step: int, *callbacks: Callback, **settings: Any) -> NotFiniteError:
    """The end of a run of three epochs whose weights become NaN in a step (from 0)."""
    with pytest.raises(NotFiniteError) as divergence:
        train(folder, [0.1, 0.2, 0.3], callbacks=[NanLoss(step), *callbacks], **settings)
    return divergence.value


@pytest.mark.parametrize("step", [BATCHES, 2 * BATCHES - 1])
def test_nan_weights_end_training_at_the_end_of_their_epoch_and_replace_no_file(tmp_path: Path, step: int) -> None:
    divergence = diverging(tmp_path, step)
    assert (divergence.epoch, divergence.global_step) == (2, 2 * BATCHES)
    assert "network.0.weight" in divergence.tensors
    assert names(tmp_path) == FILES_OF_EPOCH_1
    assert {load(tmp_path / name)["run"]["epoch"] for name in FILES_OF_EPOCH_1} == {1}


def test_nan_weights_push_no_old_epoch_file_out(tmp_path: Path) -> None:
    diverging(tmp_path, 2 * BATCHES, keep_last=2)
    assert {"checkpoint_epoch_1.pth", "checkpoint_epoch_2.pth"} <= set(names(tmp_path))


def test_nan_weights_end_training_at_a_save_within_the_epoch(tmp_path: Path) -> None:
    divergence = diverging(tmp_path, 1, save_every_minutes=1e-9)
    assert divergence.global_step == 2
    weights = load(tmp_path / "latest_checkpoint.pth")["state_dict"]
    assert all(weight.isfinite().all() for weight in weights.values())


def test_nan_weights_in_the_first_epoch_write_nothing(tmp_path: Path) -> None:
    diverging(tmp_path, 0)
    assert names(tmp_path) == []


def test_the_best_model_of_a_validation_within_the_epoch_is_not_replaced(tmp_path: Path) -> None:
    settings = {"val_check_interval": 0.5}
    assert diverging(tmp_path, BATCHES, trainer_settings=settings).global_step == BATCHES + 2
    assert load(tmp_path / "best_model.pth")["run"]["global_step"] == BATCHES // 2


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_does_not_save_nan_weights_over_an_interrupted_run(tmp_path: Path, signum: int) -> None:
    interrupted = tmp_path / "interrupted_checkpoint.pth"
    interrupted.write_bytes(b"finite")
    divergence = diverging(tmp_path, BATCHES, SignalAtStep(BATCHES + 1, signum))
    assert divergence.global_step == BATCHES + 2
    assert interrupted.read_bytes() == b"finite"


def test_an_exception_does_not_save_nan_weights_and_is_still_the_error_that_is_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fail(Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == BATCHES + 2:
                raise PlannedError

    with pytest.raises(PlannedError):
        train(tmp_path, [0.1, 0.2], callbacks=[NanLoss(BATCHES), Fail()])
    assert names(tmp_path) == FILES_OF_EPOCH_1
    assert "its weights are not finite: they were not saved" in capsys.readouterr().out


def test_a_callback_of_the_user_saves_no_nan_weights_either(tmp_path: Path) -> None:
    theirs = ModelCheckpoint(tmp_path / "theirs", filename="{step}", every_n_train_steps=1, save_top_k=-1)
    divergence = diverging(tmp_path, 2, theirs)
    assert divergence.global_step == 3
    assert names(tmp_path / "theirs") == ["step=1.ckpt", "step=2.ckpt"]


@pytest.mark.parametrize("step", [BATCHES, 2 * BATCHES - 1])
def test_averaged_weights_that_are_nan_are_not_saved(tmp_path: Path, step: int) -> None:
    diverging(tmp_path, step, EMAWeightAveraging(decay=0.5), SignalAtStep(2 * BATCHES - 1))
    assert names(tmp_path) == FILES_OF_EPOCH_1
    content = load(tmp_path / "latest_checkpoint.pth")
    assert all(weight.isfinite().all() for weight in content["state_dict"].values())


def test_infinite_weights_are_not_saved(tmp_path: Path) -> None:
    class Explode(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if trainer.global_step == 2 * BATCHES:
                pl_module.network[2].bias.data.fill_(math.inf)

    with pytest.raises(NotFiniteError) as divergence:
        train(tmp_path, [0.1, 0.2], callbacks=[Explode()])
    assert divergence.value.tensors == ["network.2.bias"]


def test_a_moment_that_is_nan_is_not_saved_though_the_weights_are_finite(tmp_path: Path) -> None:
    class Poison(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            if trainer.global_step == BATCHES:
                trainer.optimizers[0].state[pl_module.network[2].bias]["exp_avg"].fill_(math.nan)

    with pytest.raises(NotFiniteError) as divergence:
        train(tmp_path, [0.1], callbacks=[Poison()])
    assert divergence.value.tensors == ["exp_avg of network.2.bias"]


class WithBuffers(ScriptedScores):
    """Has what a network may hold that is not finite, and never was."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__(scores)
        self.register_buffer("mask", torch.full((3, 3), -math.inf).triu(1))
        self.register_buffer("unset", torch.tensor(math.nan))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.register_buffer("statistics", torch.zeros(2))
        self.frozen = nn.Parameter(torch.tensor(math.inf), requires_grad=False)


class Fill(Callback):
    def __init__(self, name: str) -> None:
        self.name = name

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        getattr(pl_module, self.name).data.fill_(math.nan)


@pytest.mark.parametrize("name", ["scratch", "mask", "frozen"])
def test_buffers_that_were_never_finite_or_are_in_no_checkpoint_do_not_matter(tmp_path: Path, name: str) -> None:
    train(tmp_path, [0.1, 0.2], module=WithBuffers, callbacks=[Fill(name)])
    trainer = train(
        tmp_path, [0.1, 0.2, 0.3], module=WithBuffers, callbacks=[], ckpt_path=tmp_path / "latest_checkpoint.pth"
    )
    assert trainer.global_step == 3 * BATCHES


def test_a_buffer_that_becomes_nan_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError) as divergence:
        train(tmp_path, [0.1], module=WithBuffers, callbacks=[Fill("statistics")])
    assert divergence.value.tensors == ["statistics"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
def test_finite_numbers_whose_sum_is_not_are_finite(dtype: torch.dtype) -> None:
    largest = torch.empty(1000, dtype=dtype).fill_(torch.finfo(dtype).max)
    spoilt = {f"{value} {index}": largest.clone() for value in (math.nan, math.inf) for index in (0, 999)}
    for name, tensor in spoilt.items():
        value, index = name.split()
        tensor[int(index)] = float(value)
    assert _wrong({"finite": largest, "empty": largest[:0], **spoilt}, torch.isfinite) == list(spoilt)


def test_a_trial_ends_with_nan_weights_too(tmp_path: Path) -> None:
    diverging(tmp_path, 0, trainer_settings={"fast_dev_run": 1})
    assert names(tmp_path) == []
