"""The dashboards: as their code says, complete in every panel, and about series that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "charts/edge-monitoring/dashboards").glob("*.json"))
# Series of others, by the exporter that has them; Debian's and the public images' versions both do.
FOREIGN = re.compile(r"^(node|container|prometheus|process)_|^(up|ALERTS)$")
_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_SELECTOR = re.compile(r"\{[^{}]*\}")
_STRING = re.compile(r'"[^"]*"')
_RATE = re.compile(r"\b(?:rate|increase|irate)\([^\[\]]*\[([^\]]+)\]")
_METRIC = re.compile(r"\b((?:edge|node|container|prometheus|process)_\w+|up|ALERTS)\b")


def _page(board: Path) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(board.read_text(encoding="utf-8"))
    return page


def _panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{board.stem}-{panel['title']}")
        for board in BOARDS
        for panel in _page(board)["panels"]
        if panel["type"] != "row"
    ]


def _metrics(expr: str) -> set[str]:
    """The metrics an expression names; label names and values are cut away."""
    bare = _SELECTOR.sub("", _STRING.sub("", expr))
    bare = re.sub(r"\b(?:by|on|ignoring|without|group_left|group_right) ?\([^)]*\)", "", bare)
    return set(_METRIC.findall(bare))


def test_the_files_are_as_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "charts/dashboards.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_dashboard_is_read_only_and_asks_any_data_source(board: Path) -> None:
    page = _page(board)
    assert page["editable"] is False
    assert page["description"]
    assert {"name": "datasource", "type": "datasource"}.items() <= page["templating"]["list"][0].items()
    ids = [panel["id"] for panel in page["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_no_panel_hides_another(board: Path) -> None:
    cells = [
        (x, y)
        for panel in _page(board)["panels"]
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("panel", _panels())
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"] and panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    refs = [target["refId"] for target in panel["targets"]]
    assert refs and len(refs) == len(set(refs))


@pytest.mark.parametrize("panel", _panels())
def test_counters_are_read_as_rates_over_grafana_s_interval(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        windows = _RATE.findall(target["expr"])
        assert set(windows) <= ({"$__range"} if target.get("instant") else {"$__rate_interval"})
        counters = re.findall(r"\b\w+(?:_total|_bucket)\{?", target["expr"])
        # The one counter that is shown as it is: failed starts of a process, 0 or 1.
        shown = [name for name in counters if not name.startswith("edge_inference_selfcheck_failures_total")]
        assert len(windows) == len(shown)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_every_series_exists(board: Path) -> None:
    documented = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("metrics.md", "camera.md"))
    page = _page(board)
    texts = [target["expr"] for panel in page["panels"] for target in panel.get("targets") or ()]
    texts += [its["expr"] for its in page["annotations"].get("list", ())]
    named = set().union(*map(_metrics, texts))
    assert named
    missing = {name for name in named if not FOREIGN.match(name) and f"`{_SUFFIX.sub('', name)}`" not in documented}
    assert not missing
