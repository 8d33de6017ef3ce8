import io
import re
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, GradientAccumulationScheduler
from rich.console import Console
from torch import Tensor

from callbacks import EpochBar
from callbacks.progress import _hours
from tests.helpers.tiny import BATCHES, ScriptedScores, train


def console(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(
        file=stream, force_terminal=is_terminal, width=100, highlight=False, soft_wrap=not is_terminal
    ), stream


def test_a_log_file_gets_one_line_for_each_epoch_and_no_bar(tmp_path: Path) -> None:
    output, stream = console(is_terminal=False)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output))
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert re.fullmatch(r"Epoch 2/2  train/loss \d+\.\d{4}  val/iou 0\.5000  \d+\.\d s", lines[1])


def test_a_log_file_gets_a_line_for_batches_too_once_nothing_was_written_for_some_time(tmp_path: Path) -> None:
    output, stream = console(is_terminal=False)
    bar = EpochBar("val/iou", output, seconds_between_lines=0)
    train(tmp_path, [0.25, 0.5], bar=bar, trainer_settings={"num_sanity_val_steps": 2})
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Epoch 1/2  validation: batch 1/2"  # the check before training
    batches = [line for line in lines if "step" in line]
    assert [line.split("  ")[:3] for line in batches] == [
        [f"Epoch {epoch}/2", f"batch {batch}/{BATCHES}", f"step {(epoch - 1) * BATCHES + batch}"]
        for epoch in (1, 2)
        for batch in (1, 2, 3)  # after the last one, the line of the epoch follows
    ]
    assert re.fullmatch(
        r".*  learning rate 0\.1  [\d.e+]+ batches/s  loss \d+\.\d{4}  val/iou 0\.2500  0:00:00 left", batches[-1]
    )
    assert lines.count("Epoch 2/2  validation: batch 2/2") == 1


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"max_epochs": 3}, [11, 10, 9, 7, 6, 5, 3, 2, 1]),
        ({"max_epochs": 3, "max_steps": 6}, [5, 4, 3, 1, 0]),
        ({"max_epochs": -1, "max_steps": 6}, [5, 4, 3, 1, 0]),
        ({"max_epochs": 3, "max_steps": 3, "accumulate_grad_batches": 2}, [6, 4, 4, 2, 0]),
    ],
)
def test_the_time_left_is_that_until_the_first_limit(tmp_path: Path, limits: dict[str, int], left: list[int]) -> None:
    class Left(EpochBar):
        def _values(self, trainer: Trainer, outputs: Any, seconds: float) -> list[str]:
            # As if each batch of this start had taken a second.
            return super()._values(trainer, outputs, self._batches(trainer))

    output, stream = console(is_terminal=False)
    bar = Left("val/iou", output, seconds_between_lines=0)
    max_epochs = limits.pop("max_epochs")
    train(tmp_path, [0.1, 0.2, 0.3], bar=bar, max_epochs=max_epochs, trainer_settings=limits)
    assert [int(seconds) for seconds in re.findall(r"0:00:(\d\d) left", stream.getvalue())] == left


def test_the_time_left_of_a_resumed_run_counts_the_steps_that_it_lacks(tmp_path: Path) -> None:
    train(tmp_path, [0.25])
    output, stream = console(is_terminal=False)
    bar = EpochBar("val/iou", output, seconds_between_lines=0)
    train(tmp_path, [0.25, 0.5], ckpt_path=tmp_path / "latest_checkpoint.pth", bar=bar)
    assert "batch 1/4  step 5" in stream.getvalue()
    assert "Epoch 1/" not in stream.getvalue()


def test_a_run_without_end_has_no_time_left(tmp_path: Path) -> None:
    output, stream = console(is_terminal=False)
    bar = EpochBar("val/iou", output, seconds_between_lines=0)
    stop = EarlyStopping("val/iou", patience=1, mode="max")
    train(tmp_path, [0.3, 0.2, 0.1], bar=bar, max_epochs=-1, callbacks=[stop])
    assert "batch 3/4  step 7  learning rate" in stream.getvalue()
    assert "left" not in stream.getvalue()


def test_a_terminal_shows_epoch_batch_loss_metric_and_the_remaining_time(tmp_path: Path) -> None:
    output, stream = console(is_terminal=True)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output))
    shown = stream.getvalue()
    assert re.search(r"Epoch 2/2 .*4/4.* loss \d+\.\d{4}  val/iou 0\.2500  0:00:00 left", shown)


def test_a_resumed_run_continues_the_count_of_epochs(tmp_path: Path) -> None:
    train(tmp_path, [0.25])
    output, stream = console(is_terminal=False)
    train(tmp_path, [0.25, 0.5], ckpt_path=tmp_path / "latest_checkpoint.pth", bar=EpochBar("val/iou", output))
    assert stream.getvalue().startswith("Epoch 2/2")


class KnownLoss(ScriptedScores):
    """The loss of each batch is 3."""

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Any:
        return 0 * super().training_step(batch, batch_idx) + 3


class SkippedSteps(ScriptedScores):
    def training_step(self, batch: list[Tensor], batch_idx: int) -> Any:
        return None


class Manual(ScriptedScores):
    """Optimizes by itself, and returns nothing, as Lightning allows."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__(scores)
        self.automatic_optimization = False

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Any:
        loss = super().training_step(batch, batch_idx)
        self.optimizers().step(lambda: self.manual_backward(loss))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("callbacks", "settings"),
    [
        ([], {}),
        ([], {"accumulate_grad_batches": 2}),
        ([], {"accumulate_grad_batches": 3}),
        ([GradientAccumulationScheduler({0: 4})], {}),
    ],
    ids=["1", "2", "3, the last of one batch", "scheduled"],
)
def test_the_bar_shows_the_loss_of_the_batch_whatever_is_accumulated(
    tmp_path: Path, callbacks: list[Callback], settings: dict[str, Any]
) -> None:
    output, stream = console(is_terminal=True)
    bar = EpochBar("val/iou", output)
    train(tmp_path, [0.25], bar=bar, module=KnownLoss, callbacks=callbacks, trainer_settings=settings)
    assert set(re.findall(r"4/4.* loss (\d+\.\d{4})", stream.getvalue())) == {"3.0000"}


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
@pytest.mark.parametrize("module", [SkippedSteps, Manual])
def test_the_bar_shows_no_loss_if_the_step_returns_none(tmp_path: Path, module: type[ScriptedScores]) -> None:
    output, stream = console(is_terminal=True)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output), module=module)
    assert re.search(r"Epoch 2/2 .*4/4  *val/iou 0\.2500", stream.getvalue())
    assert "loss" not in stream.getvalue().replace("train/loss", "")


@pytest.mark.usefixtures("chinese")
def test_in_chinese_all_words_but_metric_names_are_chinese(tmp_path: Path) -> None:
    output, stream = console(is_terminal=True)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output))
    shown = stream.getvalue()
    assert re.search(r"轮次 2/2 .*4/4.* 损失 \d+\.\d{4}  val/iou 0\.2500  剩余 0:00:00", shown)
    assert re.search(r"轮次 2/2  train/loss \d+\.\d{4}  val/iou 0\.5000  \d+\.\d s", shown)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00:00"), (309, "0:05:09"), (3600, "1:00:00"), (183_599.7, "51:00:00")]
)
def test_a_remaining_time_has_hours_minutes_and_seconds(seconds: float, shown: str) -> None:
    assert _hours(seconds) == shown
