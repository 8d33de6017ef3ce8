"""The plot of a run."""

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ticker import MaxNLocator

from resume.system.output import current_language, in_english, one_line, plural, text

Row = Mapping[str, float | None]
Curve = tuple[list[float], list[float]]

# Chinese fonts of Linux distributions, Windows and macOS, by the names that matplotlib reads from the files.
_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",  # matplotlib names a .ttc file after its first font, the Japanese one
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
_LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")  # of Okabe and Ito
_BEST_COLOR = "#B8860B"
_RATE_COLOR = "#444444"
_RESUME_COLOR = "#777777"
_MAX_POINTS_WITH_MARKERS = 40


@cache
def chinese_font() -> str | None:
    """Find an installed font with Chinese characters; None if there is none."""
    return _known_chinese_font() or _newly_installed_chinese_font()


def _known_chinese_font() -> str | None:
    known = {font.name for font in fontManager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in known), None)


def _newly_installed_chinese_font() -> str | None:
    # matplotlib caches its list of fonts and does not find fonts that were installed later.
    known = {font.fname for font in fontManager.ttflist}
    for path in set(findSystemFonts()) - known:
        with suppress(OSError, RuntimeError, ValueError):  # a damaged font, or a format that matplotlib cannot read
            fontManager.addfont(path)
    return _known_chinese_font()


def save_history(
    path: Path, rows: Sequence[Row], resumed_epochs: Sequence[int], monitor: str, best_epoch: int | None
) -> None:
    """Draw losses, metrics and learning rate over the epochs into a PNG file of 1200 × 1000 pixels.

    The labels are in the language of the program's texts, or in English if no Chinese font is installed.

    Args:
        path: The file; its suffix does not matter.
        rows: One row for each finished epoch, in order, at least one; each with ``epoch`` (from 1) and values by name.
            Values that are absent, None, NaN or infinite are left out.
        resumed_epochs: The first epoch of each resume.
        monitor: The name of the value that determines the best epoch.
        best_epoch: The best epoch; None if there is none.

    Raises:
        OSError: The file cannot be written.
    """
    font = chinese_font() if current_language() == "zh" else None
    settings: dict[Any, Any] = {
        "font.family": [font, "DejaVu Sans"] if font else ["DejaVu Sans"],
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": True,
        "legend.framealpha": 0.85,
        "legend.edgecolor": "none",
    }
    with mpl.rc_context(settings), nullcontext() if font else in_english():
        figure = draw_history(rows, resumed_epochs, monitor, best_epoch)
        # Within the block, because matplotlib reads some settings only now. Compressed least, the file is a fifth
        # larger, and takes a quarter less time, for which training waits.
        figure.savefig(path, format="png", pil_kwargs={"compress_level": 1})


def draw_history(rows: Sequence[Row], resumed_epochs: Sequence[int], monitor: str, best_epoch: int | None) -> Figure:
    """Draw the plot without writing it; see ``save_history``."""
    return _HistoryPlot(rows).draw(resumed_epochs, monitor, best_epoch)


class _HistoryPlot:
    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.first, self.last = (int(row["epoch"] or 0) for row in (rows[0], rows[-1]))

    def draw(self, resumed_epochs: Sequence[int], monitor: str, best_epoch: int | None) -> Figure:
        figure = Figure(figsize=(12, 10), dpi=100)
        # Not layout="constrained": it computes the layout twice more, and training waits for it.
        figure.subplots_adjust(left=0.07, right=0.785, top=0.95, bottom=0.055, hspace=0.1)
        figure.suptitle(
            plural("Training history, {count} epoch", "Training history, {count} epochs", self.last), fontsize=14
        )
        losses_panel, metrics_panel, rate_panel = figure.subplots(3, sharex=True, height_ratios=[4, 4, 2.4])
        names = {name: None for row in self.rows for name in row}  # a set that keeps its order
        losses = [name for name in ("train/loss", "val/loss") if name in names]
        metrics = [name for name in names if name not in {*losses, "epoch", "global_step", "lr", "seconds"}]
        self._draw_panel(losses_panel, text("loss"), losses, _LINE_COLORS)
        self._draw_panel(metrics_panel, text("metrics"), metrics, _LINE_COLORS)
        self._draw_panel(rate_panel, text("learning rate"), ["lr"], (_RATE_COLOR,))
        for panel in (losses_panel, metrics_panel, rate_panel):
            _mark_resumes(panel, resumed_epochs, is_first=panel is losses_panel)
        for panel, curves in ((losses_panel, losses), (metrics_panel, metrics)):
            if monitor in curves and best_epoch is not None:
                self._mark_best(panel, monitor, best_epoch)
            _add_legend(panel)
        self._set_epochs(rate_panel)
        _choose_scale(rate_panel, self._curve("lr")[1])
        figure.align_ylabels()
        return figure

    def _curve(self, name: str) -> Curve:
        points = [(row["epoch"] or 0, row.get(name)) for row in self.rows]
        finite = [(epoch, value) for epoch, value in points if value is not None and math.isfinite(value)]
        return [epoch for epoch, _ in finite], [value for _, value in finite]

    def _draw_panel(self, panel: Axes, label: str, names: Sequence[str], colors: Sequence[str]) -> None:
        panel.set_ylabel(label)
        panel.grid(alpha=0.25)
        for index, name in enumerate(names):
            epochs, values = self._curve(name)
            if not values:
                continue
            marker, width = ("o", 1.6) if len(values) <= _MAX_POINTS_WITH_MARKERS else ("", 1.1)
            color, style = colors[index % len(colors)], "-" if index < len(colors) else "--"
            panel.plot(
                epochs, values, style, marker=marker, markersize=4, linewidth=width, color=color, label=_shown(name)
            )
        if not panel.lines:
            empty = text("no finite values")
            panel.text(0.5, 0.5, empty, transform=panel.transAxes, ha="center", color=_RESUME_COLOR)

    def _mark_best(self, panel: Axes, monitor: str, best_epoch: int) -> None:
        epochs, values = self._curve(monitor)
        value = values[epochs.index(best_epoch)]
        label = text("best {metric}\n{value:.4f} (epoch {epoch})")
        panel.plot(
            [best_epoch],
            [value],
            marker="*",
            markersize=15,
            linestyle="none",
            color=_BEST_COLOR,
            markeredgecolor="white",
            zorder=5,
            label=label.format(metric=_shown(monitor), value=value, epoch=best_epoch),
        )

    def _set_epochs(self, panel: Axes) -> None:
        panel.set_xlabel(text("epoch"))
        panel.set_xlim(self.first - 0.6, self.last + max(0.6, 0.01 * (self.last - self.first)))
        panel.xaxis.set_major_locator(MaxNLocator(nbins=15, integer=True, min_n_ticks=1))


def _shown(name: str) -> str:
    """The name of a metric as a label; between two dollar signs, matplotlib would read a formula."""
    return one_line(name).replace("$", r"\$")


def _mark_resumes(panel: Axes, resumed_epochs: Sequence[int], *, is_first: bool) -> None:
    """Draw a dashed line before the first epoch of each resume; the first panel also names the lines in its legend.

    The line is before the epoch, because the value at the epoch is computed after the resume, or on both sides of it.
    """
    for number, epoch in enumerate(sorted(set(resumed_epochs))):
        label = text("resumed ({count}×)").format(count=len(resumed_epochs)) if is_first and number == 0 else None
        panel.axvline(epoch - 0.5, linestyle="--", linewidth=1, color=_RESUME_COLOR, alpha=0.8, zorder=1, label=label)


def _add_legend(panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        # Beside the panel, because inside it would cover the curves of some runs.
        panel.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.005, 1.0), fontsize=9.5)


def _choose_scale(panel: Axes, rates: Sequence[float]) -> None:
    """Use a logarithmic scale if the rate decreases by factors; on a linear scale, most of the run would be near 0."""
    if rates and min(rates) > 0 and median(rates) < max(rates) / 8:
        panel.set_yscale("log")
    else:
        panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        panel.set_ylim(0, 1.05 * max(rates, default=0) or 1)
