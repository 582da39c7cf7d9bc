"""A Prometheus asked by its HTTP API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3


@dataclass(frozen=True, slots=True)
class Series:
    """Labels, and (epoch seconds, value) in their order."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The last value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """`url` without a path."""

    url: str

    def ask(self, query: str, at: float | None = None) -> list[Series]:
        """Return what a query gives at an epoch second; of a range such as `up[5m]` every sample.

        Raises:
            AssertionError: it is refused.
        """
        fields = {"query": query, "time": str(time.time() if at is None else at)}
        return [_series(one) for one in self._get("query", fields)["result"]]

    def one(self, query: str, at: float | None = None) -> float:
        """Return the value of the only series that a query gives."""
        (found,) = self.ask(query, at)
        return found.value

    def targets(self) -> list[dict[str, Any]]:
        """Return the targets that are scraped."""
        found: list[dict[str, Any]] = self._get("targets", {"state": "active"}, "GET")["activeTargets"]
        return found

    def ready(self) -> bool:
        try:
            return urllib3.request("GET", f"{self.url}/-/ready", retries=False, timeout=5).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _get(self, path: str, fields: Mapping[str, str], method: str = "POST") -> dict[str, Any]:
        # A question is the same asked twice, and a kept connection may have ended while the uplink was cut.
        again = urllib3.Retry(3, allowed_methods=None, backoff_factor=0.5)
        reply = urllib3.request(method, f"{self.url}/api/v1/{path}", fields=dict(fields), retries=again, timeout=30)
        answer = reply.json()
        assert answer["status"] == "success", f"{fields}: {answer}"
        data: dict[str, Any] = answer["data"]
        return data


def _series(one: Mapping[str, Any]) -> Series:
    points = one["values"] if "values" in one else [one["value"]]
    return Series(one["metric"], tuple((float(at), float(value)) for at, value in points))
