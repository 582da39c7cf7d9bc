"""`edgectl model profile`: own times, shares, and a trace that viewers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from edgectl.model.errors import ModelError
from edgectl.model.profile.report import bar, by_operator
from edgectl.model.profile.trace import Layer, profile_of, read_events
from edgectl_support import Run
from model_graphs_cost import convolution


def _event(name: str, ts: int, dur: int, index: str = "0", operator: str = "", thread: int = 1) -> dict[str, Any]:
    args = {"op_name": operator, "node_index": index, "parameter_size": "8", "output_type_shape": [{"float": [1, 2]}]}
    category = "Node" if operator else "Session"
    return {"cat": category, "name": name, "ts": ts, "dur": dur, "pid": 7, "tid": thread, "ph": "X", "args": args}


def _run(start: int, conv: int) -> list[dict[str, Any]]:
    """One run of 100 us: a Loop of 50 with two products of 20 in it, and a Conv."""
    return [
        _event("a_kernel_time", start + 1, 20, "3", "MatMul"),
        _event("a_kernel_time", start + 22, 20, "3", "MatMul"),
        _event("loop_kernel_time", start + 1, 50, "0", "Loop"),
        _event("c_kernel_time", start + 60, conv, "1", "Conv"),
        _event("model_run", start, 100),
    ]


def test_own_times_shares_and_warm_up() -> None:
    events = [_event("session_initialization", 0, 4000), *_run(5000, 39), *_run(6000, 30), *_run(7000, 20)]
    found = profile_of(events, warm_up=1)
    assert (found.runs, found.run_ms, found.load_ms) == (2, 0.1, 4.0)
    assert [(layer.name, layer.operator, round(layer.ms, 6)) for layer in found.layers] == [
        ("a", "MatMul", 0.04),
        ("c", "Conv", 0.025),
        ("loop", "Loop", 0.01),
    ]
    assert (found.layers[0].output, found.layers[0].parameter_bytes) == ("float [1, 2]", 8)
    with pytest.raises(ModelError, match="holds no run"):
        profile_of(events, warm_up=3)


def test_nodes_on_two_threads_are_not_inside_each_other() -> None:
    events = [_event("model_run", 0, 100), _event("a_kernel_time", 1, 50, "0", "A")]
    events.append(_event("b_kernel_time", 2, 10, "1", "B", thread=2))
    assert {layer.name: layer.ms for layer in profile_of(events, 0).layers} == {"a": 0.05, "b": 0.01}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.floats(0, 1e4)), max_size=20))
def test_shares_add_up(found: list[tuple[str, float]]) -> None:
    rows = by_operator([Layer(str(i), operator, "", 0, ms) for i, (operator, ms) in enumerate(found)])
    assert sum(row["layers"] for row in rows) == len(found)
    assert sum(row["share"] for row in rows) == pytest.approx(1.0 if any(ms > 0 for _, ms in found) else 0.0)
    assert [row["ms"] for row in rows] == sorted((row["ms"] for row in rows), reverse=True)


@pytest.mark.parametrize(("share", "text"), [(0.0, ""), (0.5, "█" * 10), (1.0, "█" * 20), (0.03, "▋")])
def test_bar(share: float, text: str) -> None:
    assert bar(share).rstrip() == text


def test_profile_and_trace(tmp_path: Path, run: Run) -> None:
    graph, trace = convolution(tmp_path / "m.onnx"), tmp_path / "trace.json"
    options = ("--shape", "x=1,3,32,32", "--runs", "4", "--json", "--trace", trace)
    code, out, err = run("model", "profile", graph, *options)
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["runs"], facts["inputs"]) == (4, {"x": "FP32 [1, 3, 32, 32]"})
    assert {row["operator"] for row in facts["by_operator"]} >= {"Conv", "Gemm"}
    assert sum(layer["share"] for layer in facts["by_layer"]) == pytest.approx(1)
    assert 0 < facts["operators_ms"] < facts["run_ms"]
    events = json.loads(trace.read_text())["traceEvents"]
    assert all({"ph", "ts", "pid", "tid", "name"} <= event.keys() for event in events)
    assert all(event["dur"] >= 0 for event in events if event["ph"] == "X")
    assert sum(event["name"] == "model_run" for event in events) == 6  # two warm up
    code, out, err = run("model", "profile", graph, "--trace", trace)
    assert (code, out) == (2, "")
    assert "--force replaces it" in err


def test_a_loop_is_not_counted_twice(tmp_path: Path, run: Run) -> None:
    np.savez(tmp_path / "x.npz", steps=np.array([20]))
    graph = onnx_models.slow(tmp_path / "m.onnx", side=128)
    _, out, _ = run("model", "profile", graph, "--inputs", tmp_path / "x.npz", "--runs", "3", "--json")
    facts = json.loads(out)
    spent = {row["operator"]: row["ms"] for row in facts["by_operator"]}
    assert spent.keys() >= {"MatMul", "Loop"}
    # Counted twice, they would be nearly two runs.
    assert sum(spent.values()) <= facts["run_ms"]


def test_table_says_what_is_left_out(tmp_path: Path, run: Run) -> None:
    code, out, _ = run("model", "profile", convolution(tmp_path / "m.onnx"), "--shape", "x=1,3,8,8", "--top", "1")
    assert code == 0
    assert all(words in out for words in ["by operator", "by layer", "more", "outside of operators", "1 thread"])


def test_too_many_events_say_what_to_give() -> None:
    with pytest.raises(ModelError, match="give a smaller input by --shape or --inputs"):
        profile_of([], 2)


def test_a_profile_that_a_full_disk_cut_off(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text('[{"name": "model_run", "ts"')
    with pytest.raises(ModelError, match="cannot be written: no space left on device; make room for temporary files"):
        read_events(tmp_path / "trace.json")
