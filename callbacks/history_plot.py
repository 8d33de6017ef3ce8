"""The picture of a run."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ticker import MaxNLocator

Row = Mapping[str, float | None]
Curve = tuple[list[float], list[float]]

_TEXTS = {
    "en": {
        "loss": "loss",
        "metrics": "metrics",
        "lr": "learning rate",
        "epoch": "epoch",
        "title": "Training history, {epoch} epochs",
        "title of one": "Training history, 1 epoch",
        "best": "best {name}\n{value:.4f} (epoch {epoch})",
        "resumes": "resumed ({count}×)",
        "nothing": "no finite values",
    },
    "zh": {
        "loss": "损失",
        "metrics": "指标",
        "lr": "学习率",
        "epoch": "轮次 (epoch)",
        "title": "训练历史，共 {epoch} 轮",
        "title of one": "训练历史，共 1 轮",
        "best": "最佳 {name}\n{value:.4f} (第 {epoch} 轮)",
        "resumes": "恢复训练 ({count} 次)",
        "nothing": "无有效数值",
    },
}
# What Linux distributions, Windows and macOS bring, by the names that matplotlib reads from the files.
_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # all languages of a .ttc file go by its first, Japanese
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "SimHei",
    "DengXian",
    "SimSun",
    "PingFang SC",
    "PingFang HK",
    "Hiragino Sans GB",
    "STHeiti",
    "Heiti TC",
    "Songti SC",
    "Arial Unicode MS",
)
_LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # Okabe and Ito's
_BEST_COLOR = "#B8860B"
_RESUME_COLOR = "#777777"
_MAX_POINTS_WITH_MARKERS = 40


@cache
def chinese_font() -> str | None:
    """Find an installed font with Chinese characters."""
    return _known_chinese_font() or _newly_installed_chinese_font()


def _known_chinese_font() -> str | None:
    known = {font.name for font in fontManager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in known), None)


def _newly_installed_chinese_font() -> str | None:
    # matplotlib reads the list of fonts from its cache and does not see those that came later.
    known = {font.fname for font in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with suppress(OSError, RuntimeError, ValueError):  # a damaged font, or a kind it cannot read
            fontManager.addfont(path)
    return _known_chinese_font()


def save_history(
    path: Path,
    rows: Sequence[Row],
    resumed_epochs: Sequence[int],
    monitor: str,
    best_epoch: int | None,
    lang: Literal["en", "zh"] = "en",
) -> None:
    """Draw losses, metrics and learning rate over the epochs into a PNG file of 1200 × 1000 pixels.

    Args:
        path: The file, whatever its name ends in.
        rows: One for each finished epoch, in order, at least one; each with ``epoch`` (from 1) and values by
            name. Values that are absent, None, NaN or infinite are left out.
        resumed_epochs: The epoch that each resume began with.
        monitor: The name of the value that decides on the best epoch.
        best_epoch: That epoch; None where there is none.
        lang: Language of the labels; English also where no Chinese font is installed.

    Raises:
        OSError: The file cannot be written.
    """
    font = chinese_font() if lang == "zh" else None
    settings: dict[Any, Any] = {
        "font.family": [font, "DejaVu Sans"] if font else ["DejaVu Sans"],
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": True,
        "legend.framealpha": 0.85,
        "legend.edgecolor": "none",
    }
    with mpl.rc_context(settings):
        figure = draw_history(rows, resumed_epochs, monitor, best_epoch, "zh" if font else "en")
        figure.savefig(path, format="png")  # within the settings: what is drawn is only settled now


def draw_history(
    rows: Sequence[Row],
    resumed_epochs: Sequence[int],
    monitor: str,
    best_epoch: int | None,
    lang: Literal["en", "zh"] = "en",
) -> Figure:
    """Lay out the picture; see ``save_history``."""
    return _Picture(rows, _TEXTS[lang]).draw(resumed_epochs, monitor, best_epoch)


class _Picture:
    def __init__(self, rows: Sequence[Row], texts: Mapping[str, str]) -> None:
        self.rows = rows
        self.texts = texts
        self.first, self.last = (int(row["epoch"] or 0) for row in (rows[0], rows[-1]))

    def draw(self, resumed_epochs: Sequence[int], monitor: str, best_epoch: int | None) -> Figure:
        figure = Figure(figsize=(12, 10), dpi=100)
        # Not layout="constrained": that lays out everything twice more, and training waits.
        figure.subplots_adjust(left=0.07, right=0.785, top=0.95, bottom=0.055, hspace=0.1)
        title = self.texts["title of one" if self.last == 1 else "title"].format(epoch=self.last)
        figure.suptitle(title, fontsize=14)
        panels: list[Axes] = list(figure.subplots(3, sharex=True, height_ratios=[4, 4, 2.4]))
        names = {name: None for row in self.rows for name in row}  # a set that keeps its order
        losses = [name for name in ("train/loss", "val/loss") if name in names]
        metrics = [name for name in names if name not in {*losses, "epoch", "global_step", "lr", "seconds"}]
        curves_of: dict[str, Sequence[str]] = {"loss": losses, "metrics": metrics, "lr": ["lr"]}
        for panel, (label, curves) in zip(panels, curves_of.items(), strict=True):
            self._draw_panel(panel, label, curves, resumed_epochs)
            if monitor in curves and best_epoch is not None:
                self._mark_best(panel, monitor, best_epoch)
            if label != "lr":
                _add_legend(panel)
        self._set_epochs(panels[-1])
        _choose_scale(panels[-1], self._curve("lr")[1])
        figure.align_ylabels()
        return figure

    def _curve(self, name: str) -> Curve:
        points = [(row["epoch"] or 0, row.get(name)) for row in self.rows]
        kept = [(epoch, value) for epoch, value in points if value is not None and math.isfinite(value)]
        return [epoch for epoch, _ in kept], [value for _, value in kept]

    def _draw_panel(self, panel: Axes, label: str, names: Sequence[str], resumed_epochs: Sequence[int]) -> None:
        panel.set_ylabel(self.texts[label])
        panel.grid(alpha=0.25)
        colors = _LINE_COLORS if label != "lr" else ("#444444",)
        drawn = 0
        for index, name in enumerate(names):
            epochs, values = self._curve(name)
            if not values:
                continue
            drawn += 1
            marker, width = ("o", 1.6) if len(values) <= _MAX_POINTS_WITH_MARKERS else ("", 1.1)
            color, style = colors[index % len(colors)], "-" if index < len(colors) else "--"
            panel.plot(epochs, values, style, marker=marker, markersize=4, linewidth=width, color=color, label=name)
        if not drawn:
            panel.text(0.5, 0.5, self.texts["nothing"], transform=panel.transAxes, ha="center", color=_RESUME_COLOR)
        # Before the epoch that a resume began with: at its end stands a value of both sides.
        lines = sorted({epoch - 0.5 for epoch in resumed_epochs})
        for number, place in enumerate(lines):
            first = number == 0 and label == "loss"
            text = self.texts["resumes"].format(count=len(resumed_epochs)) if first else None
            panel.axvline(place, linestyle="--", linewidth=1, color=_RESUME_COLOR, alpha=0.8, zorder=1, label=text)

    def _mark_best(self, panel: Axes, monitor: str, best_epoch: int) -> None:
        epochs, values = self._curve(monitor)
        value = values[epochs.index(best_epoch)]
        text = self.texts["best"].format(name=monitor, value=value, epoch=best_epoch)
        panel.plot(
            [best_epoch],
            [value],
            marker="*",
            markersize=15,
            linestyle="none",
            color=_BEST_COLOR,
            markeredgecolor="white",
            zorder=5,
            label=text,
        )

    def _set_epochs(self, panel: Axes) -> None:
        panel.set_xlabel(self.texts["epoch"])
        panel.set_xlim(self.first - 0.6, self.last + max(0.6, 0.01 * (self.last - self.first)))
        panel.xaxis.set_major_locator(MaxNLocator(nbins=15, integer=True, min_n_ticks=1))


def _add_legend(panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        # Beside the panel: inside, it would lie on some run's curves.
        panel.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.005, 1.0), fontsize=9.5)


def _choose_scale(panel: Axes, rates: Sequence[float]) -> None:
    """Take a logarithmic scale where the rate falls by factors: else most of the run lies at the bottom."""
    if rates and min(rates) > 0 and median(rates) < max(rates) / 8:
        panel.set_yscale("log")
    else:
        panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        panel.set_ylim(0, 1.05 * max(rates, default=0) or 1)
