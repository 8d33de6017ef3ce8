import io
import re
from pathlib import Path

from rich.console import Console

from callbacks import EpochBar
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


def test_a_terminal_shows_epoch_batch_loss_metric_and_the_time_that_is_left(tmp_path: Path) -> None:
    output, stream = console(is_terminal=True)
    train(tmp_path, [0.25, 0.5], bar=EpochBar("val/iou", output))
    shown = stream.getvalue()
    assert re.search(r"Epoch 2/2 .*4/4.* loss \d+\.\d{4}  val/iou 0\.2500  0:00:00 left", shown)


def test_a_resumed_run_counts_on(tmp_path: Path) -> None:
    train(tmp_path, [0.25])
    output, stream = console(is_terminal=False)
    train(tmp_path, [0.25, 0.5], ckpt_path=tmp_path / "latest_checkpoint.pth", bar=EpochBar("val/iou", output))
    assert stream.getvalue().startswith("Epoch 2/2")
