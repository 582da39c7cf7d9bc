"""A dashboard as data: rows of panels, each with its queries, its unit and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["timeseries", "heatmap", "states", "table"]
# Grafana's grid is 24 wide.
FULL, HALF, THIRD = 24, 12, 8


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and the legend of its series; `instant` asks for the last value only."""

    expr: str
    legend: str
    instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture. `unit` is Grafana's id of a unit.

    `states` maps the numbers of a state timeline to (text, colour); `columns` names a table's queries in order.
    """

    title: str
    tells: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = HALF
    height: int = 8
    stack: bool = False
    states: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of the dashboard: the values of `label` in the series that `metric` selects."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Moments marked in every panel: wherever `expr` has a value."""

    name: str
    expr: str
    text: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard, `uid` its address in Grafana."""

    uid: str
    title: str
    tells: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    annotations: tuple[Annotation, ...] = ()
