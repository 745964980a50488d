"""The report's charts as SVG that can stand inside a page: no fonts, no addresses, no script.

Text stays text, so that the page's own font draws it. All labels are the program's own words; words
of the corpus, in whatever script, are never drawn here, because matplotlib would need fonts for
them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Literal

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# Blue, orange, green, violet: told apart by people with the common kinds of colour blindness, dark
# enough on white.
COLORS = ("#2b5c9e", "#d0722c", "#2f8f6b", "#7a55a3")
_INK, _GRID = "#4a5260", "#e6e4df"
_MAX_POINTS = 400  # more are not seen on half a page's width, only downloaded

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.edgecolor": "#b9b6af",
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.7,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.4,
}


@dataclasses.dataclass(frozen=True)
class Series:
    """A line in a chart.

    Attributes:
      kind: "noisy" is drawn pale with its moving mean on top, "exact" as it is, "marks" as it is
        with its points, for the few values of a validation.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    kind: Literal["noisy", "exact", "marks"] = "noisy"


def curves(
    series: Iterable[Series], *, label: str, percent: bool = False, from_zero: bool = False
) -> str:
    """Lines over training steps.

    Args:
      series: values that are not finite are left out; a series without any is left out whole.
      label: what the chart shows, for readers who cannot see it.
      percent: the values are shares of 1.
      from_zero: the axis begins at zero.

    Returns SVG, or "" when nothing is left to draw.
    """
    kept = [clean for one in series if (clean := _finite(one)).xs]
    if not kept:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes()
        for color, one in zip(COLORS * len(kept), kept, strict=False):
            if one.kind == "marks":
                style = {"marker": "o", "markersize": 3.2, "linewidth": 1.2}
                axes.plot(one.xs, one.ys, color=color, label=one.name, **style)
                continue
            one = _thinned(one)
            if one.kind == "exact":
                axes.plot(one.xs, one.ys, color=color, label=one.name, linewidth=1.6)
                continue
            if len(one.xs) == 1:  # a line of one point would not be seen
                axes.plot(one.xs, one.ys, "o", color=color, label=one.name, markersize=3.2)
                continue
            smooth = _moving_mean(one.ys, max(1, len(one.ys) // 25))
            if len(one.xs) > 25:
                axes.plot(one.xs, one.ys, color=color, linewidth=0.8, alpha=0.25)
            axes.plot(one.xs, smooth, color=color, label=one.name, linewidth=1.6)
        axes.set_xlabel("update")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(_percent if percent else _thousands))
        axes.margins(x=0.02)
        if from_zero:
            axes.set_ylim(bottom=0)
        if len(kept) > 1:
            # Above the lines, where it hides none.
            axes.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0, columnspacing=1.2
            )
        return _svg(figure, label)


def histogram(sides: dict[str, list[tuple[float, float, int]]], *, label: str, x_label: str) -> str:
    """Outlines of one or a few histograms over the same axis.

    Args:
      sides: name -> rising bars (from, to, count).
      label: what the chart shows, for readers who cannot see it.
      x_label: what the bars are of.

    Returns SVG, or "" when there is nothing to draw.
    """
    kept = {name: bars for name, bars in sides.items() if any(count for _, _, count in bars)}
    if not kept:
        return ""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes()
        for color, (name, bars) in zip(COLORS * len(kept), kept.items(), strict=False):
            edges = [start for start, _, _ in bars] + [bars[-1][1]]
            counts = [count for _, _, count in bars]
            axes.stairs(counts, edges, fill=True, color=color, alpha=0.22)
            axes.stairs(counts, edges, color=color, linewidth=1.3, label=name)
        axes.set_xlabel(x_label)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(_thousands))
        if len(kept) > 1:
            axes.legend(loc="upper right")
        return _svg(figure, label)


def steps(
    values: Sequence[float], *, label: str, x_label: str, name: Callable[[float], str]
) -> str:
    """A bar for each of many values, from zero, side by side, and a line at their mean.

    Args:
      values: at least one. Of more than are seen, each bar is the largest of its neighbours.
      label: what the chart shows, for readers who cannot see it.
      x_label: what the bars are. name: a value as the axis reads.

    Returns SVG.
    """
    width = math.ceil(len(values) / _MAX_POINTS)
    starts = range(0, len(values), width)
    highest = [max(values[start : start + width]) for start in starts]
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes()
        edges = [start - 0.5 for start in starts] + [len(values) - 0.5]
        axes.stairs(highest, edges, fill=True, color=COLORS[0], alpha=0.35)
        axes.axhline(_mean(values), color=COLORS[1], linewidth=1.2, label="mean")
        axes.set_xlabel(x_label)
        axes.set_ylim(bottom=0, top=1.18 * max(max(values), 1))
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: name(value)))
        axes.legend(loc="upper right")
        return _svg(figure, label)


def _axes() -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.7, 2.5), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    return figure, axes


def _finite(one: Series) -> Series:
    points = [(x, y) for x, y in zip(one.xs, one.ys, strict=True) if math.isfinite(y)]
    return dataclasses.replace(one, xs=[x for x, _ in points], ys=[y for _, y in points])


def _thinned(one: Series) -> Series:
    """At most `_MAX_POINTS` points, each the mean of its neighbours."""
    width = math.ceil(len(one.xs) / _MAX_POINTS)
    starts = range(0, len(one.xs), width)
    xs = [_mean(one.xs[start : start + width]) for start in starts]
    ys = [_mean(one.ys[start : start + width]) for start in starts]
    return dataclasses.replace(one, xs=xs, ys=ys)


def _moving_mean(values: Sequence[float], reach: int) -> list[float]:
    """Mean of each value and up to `reach` on either side."""
    if len(values) <= 25:
        return list(values)
    return [_mean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _thousands(value: float, _position: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 20 or value == int(value) else f"{value:g}"


def _percent(value: float, _position: int) -> str:
    return f"{100 * value:.3g}%"


def _svg(figure: Figure, label: str) -> str:
    """The drawing without prolog, addresses and page-wide style.

    Ids differ between the charts of a page, by their labels, and are the same in every run.
    """
    buffer = io.StringIO()
    nothing = {"Creator": None, "Date": None, "Format": None, "Type": None}
    salt = hashlib.sha256(label.encode()).hexdigest()[:12]
    with matplotlib.rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "sans-serif", text)
    text = re.sub(
        r'(<g|<defs)? id="(?:figure|axes|patch|matplotlib|line2d|text|legend|xtick|ytick)'
        r'[._\w]*"',
        lambda found: found[1] or "",
        text,
    )
    text = re.sub(r"<[^>]*>", _short_numbers, text).replace("xlink:href", "href")
    text = re.sub(r"\s*\n\s*", " ", text).replace("> <", ">\n<")
    box = re.search(r'viewBox="[^"]*"', text)
    body = text[text.index(">") + 1 :]
    return f'<svg {box[0] if box else ""} role="img" aria-label="{escape(label)}">{body.strip()}'


def _short_numbers(tag: re.Match[str]) -> str:
    """A tag whose coordinates have two decimals, which is finer than any screen."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0])
