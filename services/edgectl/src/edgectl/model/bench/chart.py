"""The picture of a bench: latency with its tail, and throughput, setup by setup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.model.bench.rows import INSIDE, SERVICE, Row, figure, label
from edgectl.model.errors import ModelError
from edgectl.model.extras import how_to_install

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart in grey and by the colour-blind too.
_COLOURS = {INSIDE: "#1f6f8b", SERVICE: "#d9822b"}
_WAYS = {INSIDE: "in process", SERVICE: "through the service"}
_INK, _FAINT = "#222222", "#d5d5d5"
_DPI = 130
# Beyond this ratio the short bars of a linear axis cannot be read.
_LOG_FROM = 12
# Characters of the line under the title that the picture is wide enough for; a model may have many inputs.
_LONGEST = 170


class NoMatplotlib(ModelError):
    """There is nothing to draw with."""


def draw(rows: Sequence[Row], title: str, subtitle: str, path: Path) -> None:
    """Write the chart of `rows` to `path`, a .png.

    Raises:
        NoMatplotlib: the extra is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NoMatplotlib(f"want matplotlib, found no such package: {how_to_install('pictures')}") from None
    height = 1.53 + 0.42 * len(rows)
    drawn = Figure(figsize=(11, height), dpi=_DPI, facecolor="white")
    latency, speed = drawn.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [3, 2]})
    drawn.subplots_adjust(left=0.17, right=0.965, top=1 - 0.78 / height, bottom=0.72 / height, wspace=0.05)
    drawn.text(0.012, 1 - 0.12 / height, title, size=15, weight="bold", color=_INK, va="top")
    drawn.text(0.012, 1 - 0.44 / height, _cut(subtitle), size=8.5, color="#555555", va="top")
    _latency(latency, rows)
    _speed(speed, rows)
    latency.set_yticks(range(len(rows)), [label(row, rows) for row in rows])
    latency.set_ylim(len(rows) - 0.4, -0.6)
    _legend(drawn, rows, height)
    drawn.savefig(path, format="png")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _latency(axes: Axes, rows: Sequence[Row]) -> None:
    for place, row in enumerate(rows):
        colour = _COLOURS[row.way]
        axes.plot([row.p50_ms, row.p99_ms], [place, place], color=colour, lw=2.4, alpha=0.35, solid_capstyle="round")
        axes.plot(row.p50_ms, place, "o", color=colour, ms=8)
        axes.plot(row.p95_ms, place, "o", mfc="white", mec=colour, mew=1.8, ms=6.5)
        axes.plot(row.p99_ms, place, "|", color=colour, ms=11, mew=2.2)
        axes.annotate(f"{figure(row.p50_ms)} / {figure(row.p95_ms)}", (row.p99_ms, place), xytext=(9, 0),
                      textcoords="offset points", va="center", size=8.5, color=_INK)  # fmt: skip
    low, high = min(row.p50_ms for row in rows), max(row.p99_ms for row in rows)
    if high / low > _LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.35, high * (high / low) ** 0.30)
    else:
        axes.set_xlim(0, high * 1.28)
    _plain(axes, "latency of one run, ms (labels: p50 / p95)")


def _speed(axes: Axes, rows: Sequence[Row]) -> None:
    from matplotlib.ticker import MaxNLocator

    colours = [_COLOURS[row.way] for row in rows]
    axes.barh(range(len(rows)), [row.per_s for row in rows], height=0.56, color=colours, alpha=0.9)
    for place, row in enumerate(rows):
        axes.annotate(figure(row.per_s), (row.per_s, place), xytext=(5, 0), textcoords="offset points", va="center",
                      size=8.5, color=_INK)  # fmt: skip
    axes.set_xlim(0, max(row.per_s for row in rows) * 1.22)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _plain(axes, "throughput of one caller, inputs/s")


def _plain(axes: Axes, name: str) -> None:
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    axes.set_xlabel(name, size=9.5, color=_INK)
    axes.grid(axis="x", color=_FAINT, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, labelsize=9, colors=_INK)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)


def _legend(drawn: Any, rows: Sequence[Row], height: float) -> None:
    from matplotlib.lines import Line2D

    marks: list[dict[str, Any]] = [
        {"marker": "o", "ms": 7, "label": "p50"},
        {"marker": "o", "ms": 6, "mfc": "white", "mew": 1.6, "label": "p95"},
        {"marker": "|", "ms": 9, "mew": 2, "label": "p99"},
    ]
    handles = [Line2D([], [], color="#666666", lw=0, **mark) for mark in marks]
    ways = [way for way in (INSIDE, SERVICE) if any(row.way == way for row in rows)]
    handles += [
        Line2D([], [], color=_COLOURS[way], lw=0, marker="s", ms=8, label=_WAYS[way]) for way in ways if len(ways) > 1
    ]
    drawn.legend(handles=handles, loc="upper right", ncols=len(handles), frameon=False, fontsize=8.5,
                 bbox_to_anchor=(0.97, 1 - 0.08 / height), handletextpad=0.4, columnspacing=1.3)  # fmt: skip
