"""Drift of a real service with a real bundle, over HTTP: alike inputs stay low, a changed sensor does not."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from live import Service

ROOT = Path(__file__).parents[2]
BEARING_TEMP = 7
WINDOWS, A_CALL = 1200, 100


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Service]:
    service = Service(ROOT / "models/pump-failure", tmp_path / "log")
    yield service
    assert service.stop() == 0


def _windows(seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Telemetry as the bundle's own generator makes it, of a seed that neither training nor reference has seen."""
    spec = importlib.util.spec_from_file_location("generator", ROOT / "models/pump-failure/generator.py")
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    windows: np.ndarray[Any, np.dtype[np.float64]] = generator.windows(WINDOWS, seed)[0]
    return windows


def _ask(service: Service, rows: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    tensor = {"name": "features", "datatype": "FP32"}
    for at in range(0, len(rows), A_CALL):
        part = rows[at : at + A_CALL]
        body = {"inputs": [tensor | {"shape": list(part.shape), "data": part.ravel().tolist()}]}
        status, _, reply = service.request("POST", "/v2/models/pump-failure/infer", json.dumps(body).encode())
        assert status == 200, reply


def _told(service: Service) -> dict[tuple[str, str], float]:
    """Value of each drift metric by name and its last label."""
    return {
        (sample.name, sample.labels.get("of", sample.labels.get("class", ""))): sample.value
        for family in text_string_to_metric_families(service.metrics())
        if family.name.startswith(("edge_inference_drift", "edge_inference_class_share"))
        for sample in family.samples
    }


def test_before_any_call_every_series_is_there_and_0(pump: Service) -> None:
    told = _told(pump)
    assert told.pop(("edge_inference_drift_reference_predictions", "")) == 4000
    assert told.pop(("edge_inference_class_share_reference", "healthy")) == pytest.approx(2855 / 4000)
    assert told.pop(("edge_inference_class_share_reference", "failing")) == pytest.approx(1145 / 4000)
    assert told == {
        ("edge_inference_drift_psi", "score"): 0,
        ("edge_inference_drift_psi", "class"): 0,
        ("edge_inference_drift_predictions", ""): 0,
        ("edge_inference_class_share", "healthy"): 0,
        ("edge_inference_class_share", "failing"): 0,
    }


def test_windows_like_those_of_the_reference_stay_low(pump: Service) -> None:
    _ask(pump, _windows(900))
    told = _told(pump)
    assert told["edge_inference_drift_predictions", ""] == pytest.approx(WINDOWS, rel=0.02)
    # Both are a few times what chance alone gives, and far from the 0.25 that is called a shift.
    assert 0 < told["edge_inference_drift_psi", "score"] < 0.05
    assert 0 <= told["edge_inference_drift_psi", "class"] < 0.05
    drift = pump.get("/status")[1]["drift"]
    assert drift["score"]["psi"] == pytest.approx(told["edge_inference_drift_psi", "score"], abs=0.001)
    assert drift["score"]["by_chance"] == pytest.approx(9 * (1 / WINDOWS + 1 / 4000), rel=0.05)
    assert drift["shares"]["failing"] == pytest.approx(told["edge_inference_class_share", "failing"])


def test_a_sensor_that_tells_fahrenheit_is_seen(pump: Service) -> None:
    rows = _windows(901)
    rows[:, BEARING_TEMP] = rows[:, BEARING_TEMP] * 1.8 + 32
    _ask(pump, rows)
    assert _told(pump)["edge_inference_drift_psi", "score"] > 0.25
