"""A dashboard's panels as they stand in its JSON, and what Prometheus answers to their queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

# A panel of this many points is as wide as a screen.
POINTS = 200
_PATIENCE_S = 30.0
_ALL = ".*"
# A label that this series does not have.
_UNFILLED = re.compile(r"\{\{\w+\}\}")


class NoAnswerError(Exception):
    """Prometheus did not answer, or refused the query; the text names both."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel, its variables filled in."""

    panel: str
    expr: str
    legend: str
    instant: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its labels, and (time, value) in epoch seconds."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    def named(self, legend: str) -> str:
        """The legend with this series' labels in it."""
        text = legend
        for label, value in self.labels.items():
            text = text.replace(f"{{{{{label}}}}}", value)
        return " ".join(_UNFILLED.sub("", text).split())


def panels(board: Path) -> list[dict[str, Any]]:
    """Return the panels of a dashboard file in their order, rows left out."""
    page = json.loads(board.read_text(encoding="utf-8"))
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def variables(board: Path) -> list[str]:
    """Return the names of a dashboard's variables."""
    return [entry["name"] for entry in json.loads(board.read_text(encoding="utf-8"))["templating"]["list"]]


def asked(panel: Mapping[str, Any], names: list[str], seconds: int, interval: int) -> Iterator[Asked]:
    """Yield the panel's queries as Grafana would send them with every variable on All.

    Args:
        seconds: the time shown, `$__range`.
        interval: `$__rate_interval` in seconds.
    """
    for target in panel["targets"]:
        expr = target["expr"].replace("$__rate_interval", f"{interval}s").replace("$__range", f"{seconds}s")
        for name in names:
            expr = expr.replace(f"${name}", _ALL)
        yield Asked(panel["title"], expr, target["legendFormat"], bool(target.get("instant")))


class Prometheus:
    """A running Prometheus, asked through its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(_PATIENCE_S), retries=False)

    def ask(self, query: Asked, start: float, end: float) -> list[Series]:
        """Return the series that the query gives between two epoch seconds.

        Raises:
            NoAnswerError: no connection, or the query is refused.
        """
        fields = {"query": query.expr}
        if query.instant:
            path, fields["time"] = "query", str(end)
        else:
            path, fields["step"] = "query_range", str(max((end - start) / POINTS, 1.0))
            fields |= {"start": str(start), "end": str(end)}
        result = self._get(path, fields)["result"]
        return [Series(one["metric"], _points(one)) for one in result]

    def _get(self, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
        try:
            reply = self._pool.request("POST", f"{self._url}/api/v1/{path}", fields=dict(fields))
            answer = reply.json()
        except (urllib3.exceptions.HTTPError, ValueError) as exc:
            raise NoAnswerError(f"{self._url}: {exc}") from exc
        if answer["status"] != "success":
            raise NoAnswerError(f"{self._url}: {answer['error']}: {fields['query']}")
        data: dict[str, Any] = answer["data"]
        return data


def _points(one: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    values = one["values"] if "values" in one else [one["value"]]
    return tuple((float(at), float(value)) for at, value in values)
