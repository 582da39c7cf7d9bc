"""The page's own arithmetic, run by node: percentiles of the last minute, and the golden sample as rows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from typing import Any

import pytest

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node to run the page's script")

BOUNDS = [0.001, 0.01, 0.1]


def _run(expression: str) -> Any:
    """Evaluate JavaScript among the page's pure functions."""
    page = files("edge_inference").joinpath("static/page.html").read_text(encoding="utf-8")
    parts = re.findall(r"^function (?:quantile|remember|recorded|verdict)\(.*?^}", page, re.MULTILINE | re.DOTALL)
    parts += re.findall(r"^const (?:sum|since) = .*$", page, re.MULTILINE)
    assert len(parts) == 6, "the page names its functions otherwise"
    code = "\n".join([*parts, f"console.log(JSON.stringify({expression}))"])
    done = subprocess.run([str(NODE), "-e", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("counts", "share", "wanted"),
    [
        pytest.param([0, 0, 0, 0], 0.5, None, id="no calls"),
        pytest.param([10, 0, 0, 0], 0.5, 0.5, id="first bucket"),
        pytest.param([0, 10, 0, 0], 0.5, 5.5, id="within its bucket"),
        pytest.param([5, 0, 5, 0], 0.95, 91.0, id="over an empty bucket"),
        pytest.param([0, 0, 0, 4], 0.99, 100.0, id="beyond the last bound"),
    ],
)
def test_quantile(counts: list[int], share: float, wanted: float | None) -> None:
    found = _run(f"quantile({BOUNDS}, {counts}, {share})")
    assert found == (None if wanted is None else pytest.approx(wanted))


def _window(*polls: tuple[float, list[int]]) -> list[float]:
    """The times of the polls that are kept, after all of these."""
    told = [{"time": time, "counts": counts} for time, counts in polls]
    kept: list[float] = _run(f"{json.dumps(told)}.reduce((polls, p) => remember(polls, p, 60), []).map(p => p.time)")
    return kept


def test_the_window_slides_with_the_last_minute() -> None:
    assert _window(*((float(t), [t]) for t in range(100))) == [float(t) for t in range(39, 100)]


@pytest.mark.parametrize(
    ("polls", "kept"),
    [
        pytest.param([(0.0, [5, 1]), (1.0, [1, 9])], [1.0], id="restarted"),
        pytest.param([(50.0, [1]), (10.0, [2])], [10.0], id="clock set back"),
        pytest.param([(0.0, [1]), (1.0, [1]), (600.0, [2])], [600.0], id="nobody looked for a while"),
        pytest.param([(0.0, [1]), (59.0, [1]), (118.0, [2])], [59.0, 118.0], id="slow polls"),
    ],
)
def test_what_does_not_belong_to_the_window_is_forgotten(polls: list[tuple[float, list[int]]], kept: list[int]) -> None:
    assert _window(*polls) == kept


def test_calls_before_the_window_do_not_count() -> None:
    assert _run(f"quantile({BOUNDS}, since([1000, 10, 0, 0], [1000, 0, 0, 0]), 0.5)") == pytest.approx(5.5)


def _tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "FP32", "data": data}


@pytest.mark.parametrize(
    ("inputs", "instances"),
    [
        pytest.param([_tensor("x", [2, 2], [1, 2, 3, 4])], [[1, 2], [3, 4]], id="rows"),
        pytest.param([_tensor("x", [1, 2, 1], [1, 2])], [[[1], [2]]], id="nested"),
        pytest.param(
            [_tensor("a", [2], [1, 2]), _tensor("b", [2, 1], [3, 4])],
            [{"a": 1, "b": [3]}, {"a": 2, "b": [4]}],
            id="two inputs",
        ),
    ],
)
def test_a_recorded_request_becomes_instances(inputs: list[dict[str, Any]], instances: list[Any]) -> None:
    assert json.loads(_run(f"recorded({json.dumps({'inputs': inputs})})")) == {"instances": instances}


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(None, id="none"),
        pytest.param({"inputs": [_tensor("x", [], [1])]}, id="scalar"),
        pytest.param({"inputs": [_tensor("a", [1], [1]), _tensor("b", [2], [1, 2])]}, id="rows differ"),
        pytest.param({"inputs": [_tensor("x", [0, 2], [])]}, id="no rows"),
    ],
)
def test_what_has_no_rows_is_no_sample(request_: dict[str, Any] | None) -> None:
    assert _run(f"recorded({json.dumps(request_)})") == ""


@pytest.mark.parametrize(
    ("psi", "chance", "wanted", "words"),
    [
        pytest.param(None, None, None, "nothing to compare with", id="no reference"),
        pytest.param(None, None, 500, "not yet: 499 of 500 predictions", id="too few"),
        pytest.param(0.0, 0.02, 500, "0.000, steady (0.020 by chance alone)", id="zero is a value"),
        pytest.param(0.2, 0.02, 500, "0.200, moving (0.020 by chance alone)", id="moving"),
        pytest.param(0.26, 0.02, 500, "0.260, shifted (0.020 by chance alone)", id="shifted"),
    ],
)
def test_verdict(psi: float | None, chance: float | None, wanted: int | None, words: str) -> None:
    told = json.dumps({"psi": psi, "by_chance": chance, "wanted": wanted})
    assert _run(f"verdict({told}, 499.9)") == words
