import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from callbacks import history_plot
from callbacks.history_plot import draw_history, save_history
from resume.system.output import set_language


def make_rows(count: int) -> list[dict[str, float | None]]:
    rows: list[dict[str, float | None]] = []
    for epoch in range(1, count + 1):
        row = {"epoch": epoch, "global_step": 10 * epoch, "train/loss": 1 / epoch, "val/loss": 2 / epoch}
        rows.append({**row, "val/iou": 1 - 1 / epoch, "lr": 1e-3, "seconds": 1.0})
    return rows


def legend(panel: Axes) -> list[str]:
    box = panel.get_legend()
    return [] if box is None else [text.get_text() for text in box.get_texts()]


@pytest.mark.parametrize("count", [1, 2, 15, 1000])
def test_the_plot_has_the_same_size_with_any_number_of_epochs(tmp_path: Path, count: int) -> None:
    save_history(tmp_path / "a.tmp", make_rows(count), [1, count], "val/iou", count)
    with Image.open(tmp_path / "a.tmp") as image:
        assert (image.format, image.size) == ("PNG", (1200, 1000))


def test_losses_metrics_and_rate_each_have_a_panel() -> None:
    losses, metrics, rate = draw_history(make_rows(3), [], "val/iou", 3).axes
    assert legend(losses) == ["train/loss", "val/loss"]
    assert legend(metrics) == ["val/iou", "best val/iou\n0.6667 (epoch 3)"]
    assert rate.get_ylabel() == "learning rate"


def test_a_monitored_loss_is_marked_at_the_best_epoch() -> None:
    losses, _, _ = draw_history(make_rows(3), [], "val/loss", 2).axes
    assert "best val/loss\n1.0000 (epoch 2)" in legend(losses)


def test_resumes_are_dashed_lines_before_their_first_epochs() -> None:
    losses, *_ = draw_history(make_rows(9), [4, 4, 7], "val/iou", None).axes
    dashed = [np.asarray(line.get_xdata()) for line in losses.lines if line.get_linestyle() == "--"]
    assert [list(places) for places in dashed] == [[3.5, 3.5], [6.5, 6.5]]
    assert legend(losses)[-1] == "resumed (3×)"


@pytest.mark.parametrize("count", [1, 2, 15, 300])
def test_ticks_are_whole_epochs(count: int) -> None:
    *_, rate = draw_history(make_rows(count), [], "val/iou", None).axes
    left, right = rate.get_xlim()
    ticks = [tick for tick in rate.get_xticks() if left <= tick <= right]
    assert ticks
    assert all(tick == int(tick) and 1 <= tick <= right for tick in ticks)


def test_values_that_are_missing_or_not_finite_are_left_out(tmp_path: Path) -> None:
    rows = make_rows(5)
    rows[0]["train/loss"], rows[1]["train/loss"], rows[2]["train/loss"] = math.nan, math.inf, None
    del rows[3]["val/loss"]
    losses, *_ = draw_history(rows, [], "val/iou", None).axes
    assert [list(np.asarray(line.get_xdata())) for line in losses.lines] == [[4, 5], [1, 2, 3, 5]]
    save_history(tmp_path / "a.png", rows, [], "val/iou", None)


def test_a_run_without_any_finite_value_is_drawn(tmp_path: Path) -> None:
    rows: list[dict[str, float | None]] = [{"epoch": 1, "train/loss": math.nan, "lr": math.nan}]
    save_history(tmp_path / "a.png", rows, [1], "val/iou", None)
    assert (tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize(
    ("rates", "scale"),
    [([1e-1, 1e-2, 1e-3, 1e-4], "log"), ([1e-3, 7e-4, 5e-4, 1e-5], "linear"), ([0.0], "linear")],
)
def test_the_rate_has_a_logarithmic_scale_only_if_it_decreases_by_factors(rates: list[float], scale: str) -> None:
    rows = [{"epoch": epoch, "lr": rate} for epoch, rate in enumerate(rates, start=1)]
    assert draw_history(rows, [], "val/iou", None).axes[2].get_yscale() == scale


@pytest.mark.usefixtures("chinese")
def test_the_chinese_plot_is_drawn_with_the_installed_fonts(tmp_path: Path) -> None:
    save_history(tmp_path / "a.png", make_rows(4), [2], "val/iou", 3)
    assert (tmp_path / "a.png").stat().st_size > 0


@pytest.mark.usefixtures("chinese")
def test_without_a_chinese_font_the_plot_of_a_chinese_program_is_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_plot, "chinese_font", lambda: None)
    save_history(tmp_path / "zh.png", make_rows(4), [2], "val/iou", 3)
    set_language("en")
    save_history(tmp_path / "en.png", make_rows(4), [2], "val/iou", 3)
    assert (tmp_path / "zh.png").read_bytes() == (tmp_path / "en.png").read_bytes()


@pytest.mark.usefixtures("chinese")
def test_all_labels_but_metric_names_are_chinese_in_a_chinese_program() -> None:
    losses, metrics, rate = draw_history(make_rows(3), [2], "val/iou", 3).axes
    assert [panel.get_ylabel() for panel in (losses, metrics, rate)] == ["损失", "指标", "学习率"]
    assert rate.get_xlabel() == "轮次 (epoch)"
    assert legend(losses) == ["train/loss", "val/loss", "恢复训练 (1 次)"]
    assert legend(metrics) == ["val/iou", "最佳 val/iou\n0.6667 (第 3 轮)"]
