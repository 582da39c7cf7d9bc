"""A dashboard drawn with matplotlib from what Prometheus answers: the queries and places are the JSON's own."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, PercentFormatter

from boards.queries import Asked, Prometheus, Series, asked, panels, variables

Answers = Sequence[tuple[Asked, Sequence[Series]]]
_COLUMNS, _INCH_A_COLUMN, _INCH_A_LINE = 24, 0.62, 0.34
_LEGEND_LINES = 8
_UNITS = {
    "s": EngFormatter("s", places=1),
    "bytes": EngFormatter("B"),
    "Bps": EngFormatter("B/s"),
    "percentunit": PercentFormatter(1),
}
_COLOURS = {"semi-dark-red": "darkred"}


def draw(board: Path, prometheus: Prometheus, start: float, end: float, interval: int, output: Path) -> None:
    """Draw one dashboard over the time between two epoch seconds as a PNG.

    Raises:
        NoAnswerError: Prometheus did not answer.
    """
    shown = panels(board)
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in shown)
    figure = Figure(figsize=(_COLUMNS * _INCH_A_COLUMN, lines * _INCH_A_LINE), layout=None)
    figure.suptitle(json.loads(board.read_text(encoding="utf-8"))["title"], x=0.01, ha="left", y=0.995, weight="bold")
    for panel in shown:
        axes = figure.add_axes(_place(panel["gridPos"], lines))
        queries = asked(panel, variables(board), int(end - start), interval)
        answers = [(query, prometheus.ask(query, start, end)) for query in queries]
        _draw_panel(axes, panel, answers, (start, end))
    figure.savefig(output, dpi=80)


def _place(grid: dict[str, int], lines: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height in shares of the figure, with room for axis labels."""
    left, width = (grid["x"] + 1.3) / _COLUMNS, (grid["w"] - 1.8) / _COLUMNS
    return left, 1 - (grid["y"] + grid["h"] - 2.2) / lines, width, (grid["h"] - 3.4) / lines


def _draw_panel(axes: Axes, panel: dict[str, Any], answers: Answers, span: tuple[float, float]) -> None:
    axes.set_title(panel["title"], loc="left", fontsize=9)
    axes.tick_params(labelsize=7)
    if not any(series for _, series in answers):
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="grey")
        axes.set_axis_off()
        return
    {"timeseries": _lines, "heatmap": _heat, "state-timeline": _states, "table": _table}[panel["type"]](
        axes, panel, answers
    )
    if panel["type"] != "table":
        axes.set_xlim(_moment(span[0]), _moment(span[1]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda day, _: time.strftime("%H:%M", time.gmtime(day * 86400))))


def _lines(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    drawn = [(one.named(query.legend), one) for query, series in answers for one in series]
    # What never happened is drawn, on the zero line, but not named: Grafana's legend scrolls, a picture's does not.
    for name, one in drawn:
        happened = any(value for _, value in one.points)
        axes.plot(*_columns(one), linewidth=1, label=name if happened else f"_{name}")
    axes.set_ylim(bottom=0 if all(value >= 0 for _, one in drawn for _, value in one.points) else None)
    axes.yaxis.set_major_formatter(_UNITS.get(panel["fieldConfig"]["defaults"]["unit"], EngFormatter()))
    axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(handles[:_LEGEND_LINES], labels[:_LEGEND_LINES], fontsize=6, loc="upper left", framealpha=0.6)


def _heat(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    """Cumulative buckets by edge, taken apart to counts in each."""
    series = sorted((one for _, all_ in answers for one in all_), key=lambda one: float(one.labels["le"]))
    times = sorted({at for one in series for at, _ in one.points})
    cumulative = np.array([[dict(one.points).get(at, 0.0) for at in times] for one in series])
    counts = np.diff(cumulative, axis=0, prepend=0.0)
    axes.pcolormesh([_moment(at) for at in times], np.arange(len(series)), counts, cmap="Oranges", shading="nearest")
    formatter = _UNITS.get(panel["fieldConfig"]["defaults"]["unit"], EngFormatter())
    names = ["+Inf" if one.labels["le"] == "+Inf" else formatter(float(one.labels["le"]), None) for one in series]
    axes.set_yticks(range(0, len(series), 2), names[::2])


def _states(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    bars = [(one.named(query.legend), one) for query, series in answers for one in series]
    for line, (_, one) in enumerate(bars):
        times, values = _columns(one)
        step = times[1] - times[0] if len(times) > 1 else 1 / 1440
        for at, value in zip(times, values, strict=True):
            colour = options.get(str(int(value)), {"color": "grey"})["color"]
            axes.broken_barh([(at, step)], (line - 0.4, 0.8), color=_COLOURS.get(colour, colour))
    axes.set_yticks([])
    for line, (name, _) in enumerate(bars):
        axes.text(0.01, line, name, transform=axes.get_yaxis_transform(), va="center", fontsize=7)
    seen = ", ".join(f"{mapped['color']}: {mapped['text']}" for mapped in options.values())
    axes.set_xlabel(seen, fontsize=7)


def _table(axes: Axes, panel: dict[str, Any], answers: Answers) -> None:
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    units = {
        entry["matcher"]["options"]: entry["properties"][0]["value"] for entry in panel["fieldConfig"]["overrides"]
    }
    for query, series in answers:
        form = _UNITS.get(units[query.legend], FuncFormatter(lambda value, _: f"{value:,.0f}"))
        for one in series:
            value = one.points[-1][1]
            # A percentile of no calls at all.
            rows.setdefault(tuple(one.labels.values()), {})[query.legend] = "" if isnan(value) else form(value, None)
    columns = [query.legend for query, _ in answers]
    heads = [*answers[0][1][0].labels, *columns]
    cells = [[*key, *(values.get(column, "") for column in columns)] for key, values in sorted(rows.items())]
    axes.set_axis_off()
    axes.table(cells, colLabels=heads, loc="upper left", cellLoc="left").set_fontsize(8)


def _columns(one: Series) -> tuple[list[float], list[float]]:
    return [_moment(at) for at, _ in one.points], [value for _, value in one.points]


def _moment(at: float) -> float:
    """Days since 1970, as matplotlib counts time."""
    return at / 86400
