import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from callbacks import EpochBar
from callbacks.progress import _hours
from tests.helpers.tiny import train


def console(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, force_terminal=is_terminal, width=100, highlight=False), stream


def test_a_log_file_gets_one_line_for_each_epoch_and_no_bar(tmp_path: Path) -> None:
    output, stream = console(is_terminal=False)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output))
    lines = stream.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert re.fullmatch(r"Epoch 2/2  train/loss \d+\.\d{4}  val/iou 0\.5000  \d+\.\d s", lines[1])


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
