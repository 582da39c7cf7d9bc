"""Before ready: golden answers within tolerance, samples that belong to the graph, and the budget."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from onnx import helper

import onnx_models
from edge_common.bundle import Bundle, BundleError, read_bundle
from edge_common.golden import save_golden
from edge_inference.engine import Engine
from edge_inference.selfcheck import CheckFailed, Report, resident_mb, self_check

X = np.array([[1.5, -2.0]], np.float32)


def _bundle(directory: Path, *samples: tuple[dict[str, Any], dict[str, Any]], extra: str = "") -> Bundle:
    """The doubler with these (inputs, outputs) as golden samples 0, 1, ..."""
    model = onnx_models.doubler(directory / "model.onnx")
    for number, (inputs, outputs) in enumerate(samples):
        save_golden(directory / f"{number}.npz", inputs, outputs)
    (directory / "model.toml").write_text(
        'schema = 1\nname = "doubler"\nversion = "1.0.0"\ntask = "tensor"\n'
        f'[file]\npath = "model.onnx"\nsha256 = "{hashlib.sha256(model.read_bytes()).hexdigest()}"\n'
        f"[golden]\nfiles = {[f'{number}.npz' for number in range(len(samples))]}\nrtol = 0.01\natol = 0.0\n{extra}"
    )
    return read_bundle(directory)


def _check(bundle: Bundle, since_exec_s: float = 0.1, hold_budget: bool = True) -> Report:
    engine = Engine.open(bundle.model_path, "", threads=1)
    return self_check(engine, bundle, since_exec_s=lambda: since_exec_s, hold_budget=hold_budget)


def test_good_samples(tmp_path: Path) -> None:
    report = _check(_bundle(tmp_path, ({"x": X}, {"y": X * 2}), ({"x": X}, {"y": X * 2.01})))
    assert report.samples == 2 and report.p50_ms is not None
    assert 0 < report.p50_ms <= report.p95_ms and report.memory_mb > 1


def test_the_second_sample_differs(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path, ({"x": X}, {"y": X * 2}), ({"x": X}, {"y": np.array([[3, -3]], np.float32)}))
    with pytest.raises(
        CheckFailed, match=r"golden 1: output 'y' at \[0, 1\]: want -3, got -4 \(1 of 2 values differ\)"
    ):
        _check(bundle)


def test_an_answer_of_another_shape(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path, ({"x": X}, {"y": np.zeros((3, 2), np.float32)}))
    with pytest.raises(CheckFailed, match=r"want float32\[3, 2\], got float32\[1, 2\]"):
        _check(bundle)


@pytest.mark.parametrize(
    ("inputs", "outputs", "text"),
    [
        ({"z": X}, {"y": X}, "want inputs"),
        ({"x": X}, {"z": X}, "want outputs"),
        ({"x": X}, {}, "want outputs"),
        ({"x": X.astype(np.float64)}, {"y": X}, "want FP32"),
        ({"x": X[0]}, {"y": X}, "want FP32"),
    ],
    ids=["input name", "output name", "no output", "type", "rank"],
)
def test_a_sample_of_another_graph_is_a_broken_bundle(
    tmp_path: Path, inputs: dict[str, Any], outputs: dict[str, Any], text: str
) -> None:
    with pytest.raises(BundleError, match=text):
        _check(_bundle(tmp_path, (inputs, outputs)))


OVER = [
    ("memory_mb = 1.0", "budget.memory_mb: want at most 1, got "),
    ("p95_ms = 1e-9", "budget.p95_ms: want at most 1e-09, got "),
    ("cold_start_ms = 99.0", "budget.cold_start_ms: want at most 99, got 100 on"),
]


@pytest.mark.parametrize(("line", "text"), OVER, ids=["memory", "p95", "cold start"])
def test_over_budget(tmp_path: Path, line: str, text: str, caplog: pytest.LogCaptureFixture) -> None:
    bundle = _bundle(tmp_path, extra=f"[budget]\n{line}\n")
    with pytest.raises(CheckFailed) as caught:
        _check(bundle)
    assert str(caught.value).startswith(text)
    assert _check(bundle, hold_budget=False).samples == 0
    relaxed = _bundle(tmp_path, extra=f"[budget]\n{line}\nenforce = false\n")
    with caplog.at_level(logging.WARNING):
        assert _check(relaxed).samples == 0
    assert "over budget, not enforced" in caplog.text


def test_within_budget(tmp_path: Path) -> None:
    _check(_bundle(tmp_path, extra="[budget]\nmemory_mb = 1e6\np95_ms = 1e6\ncold_start_ms = 101.0\n"))


def test_a_model_that_zeros_do_not_fit_is_served_without_a_warm_up(tmp_path: Path) -> None:
    """Only the graph knows that its one row needs as many columns as its constant has rows."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    weights = helper.make_tensor("w", onnx_models.FLOAT, [4, 1], [1.0] * 4)
    model = onnx_models.save(
        tmp_path / "m.onnx",
        [node],
        [("x", onnx_models.FLOAT, ["N", "M"])],
        [("y", onnx_models.FLOAT, ["N", 1])],
        constants=[weights],
    )
    report = _check(read_bundle(model))
    assert (report.samples, report.p95_ms) == (0, 0.0)


def test_resident_memory_is_this_process() -> None:
    """In MB of 10^6 bytes, as a bundle's budget and edgectl have it, and not of 2^20."""
    assert resident_mb() == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.02)
