"""The rule files as they are: their alerts, what their expressions name, and what the services export."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from edge_camera.metrics import Metrics
from edge_inference.metrics import Recorder
from go_support import promtool_env

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/edge-monitoring"
RULES = sorted((CHART / "rules").glob("*.yaml"))
CASES = sorted((ROOT / "tests/rules").glob("*.yaml"))
ALERTMANAGER = CHART / "files/alertmanager.yaml"

_SELECTOR = re.compile(r"\{([^{}]*)\}")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset \d+[smhd]\b")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?!\s*\()\b")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*[\"']([^\"']*)[\"']")
_WORDS = {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "group_left", "group_right"}
# A template's queries: the texts in double quotes that look like one.
_QUERY = re.compile(r'"([^"]*(?:[{(][^"]*){1,})"')

Rule = dict[str, Any]


def tool(name: str, package: str) -> str:
    """Return the path of a program, or skip the calling test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on PATH: it is in Debian's package {package}")
    return found


def run(*command: str | Path, timeout: int = 120) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **promtool_env()}
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=timeout, check=False, env=env
    )


@cache
def rules() -> list[Rule]:
    """Every rule of every file, alerts and recorded ones."""
    groups = (group for path in RULES for group in load(path)["groups"])
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[Rule]:
    return [rule for rule in rules() if "alert" in rule]


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def expressions() -> Iterator[str]:
    """Every query that is asked: of rules, and in the texts of alerts."""
    for rule in rules():
        yield rule["expr"]
        for text in rule.get("annotations", {}).values():
            for action in re.findall(r"\{\{.*?\}\}", text, re.DOTALL):
                yield from (
                    query for query in _QUERY.findall(action) if re.search(r"\b(edge|prometheus)_|\bup\b", query)
                )


def series(expr: str) -> set[str]:
    """The series an expression names; functions, operators and labels are cut away."""
    bare = _RANGE.sub("", _LABELS.sub("", _SELECTOR.sub("", expr)))
    return set(_NAME.findall(bare)) - _WORDS


def matchers(expr: str) -> list[tuple[str, str]]:
    """Return (label, value) of all that selectors ask for, alternatives one by one."""
    return [
        (label, value)
        for selector in _SELECTOR.findall(expr)
        for label, _, values in _MATCHER.findall(selector)
        for value in values.split("|")
    ]


@cache
def exported() -> dict[str, dict[str, set[str]]]:
    """What the services export: series, then their labels with every value, from the registries themselves."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Metrics(registry, ["dock-3"], ["mqtt", "webhook", "file", "stdout"])
    found: dict[str, dict[str, set[str]]] = {}
    for family in (*registry.collect(), *Recorder(["parcel"]).collect()):
        # A family without a label set (a gauge that waits for one) still has its name.
        found.setdefault(family.name, {})
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found
