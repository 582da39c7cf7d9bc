"""What the end-to-end tests of monitoring rest on, as far as it can be held to without a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import yaml

from e2e.monitoring_rules import CHART, MILLISECONDS, divided, hurried, hurried_chart
from e2e.monitoring_variants import FADED, drifting, failing, slow
from edge_common.bundle import read_bundle
from edge_common.golden import load_all

RULES = sorted((CHART / "rules").glob("*.yaml"))
DURATION = re.compile(r"(?<![\w.])(\d+(?:ms|s|m|h|d))(?![\w.])")


@pytest.mark.parametrize(
    ("duration", "short"), [("5m", "15s"), ("1m", "3s"), ("6h", "1080s"), ("30s", "1500ms"), ("1h30m", "270s")]
)
def test_a_duration_is_divided(duration: str, short: str) -> None:
    assert divided(duration, 20) == short


@pytest.mark.parametrize("duration", ["", "5", "m", "5 m", "1ms"])
def test_what_is_no_duration_or_too_short_is_refused(duration: str) -> None:
    with pytest.raises(ValueError, match="want"):
        divided(duration, 20)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_nothing_of_a_rule_but_its_durations_is_changed(path: Path) -> None:
    before, after = (each["groups"] for each in map(yaml.safe_load, (path.read_text(), hurried(path.read_text(), 20))))
    pairs = [
        pair for old, new in zip(before, after, strict=True) for pair in zip(old["rules"], new["rules"], strict=True)
    ]
    assert pairs
    for old, new in pairs:
        assert bare(new["expr"]) == bare(old["expr"])
        assert [times(new["expr"]), times(new.get("for", ""))] == [
            [each / 20 for each in times(text)] for text in (old["expr"], old.get("for", ""))
        ]
        assert {**new, "expr": "", "for": "", "annotations": {}} == {**old, "expr": "", "for": "", "annotations": {}}


def bare(expr: str) -> str:
    return DURATION.sub("T", expr)


def times(text: str) -> list[float]:
    """Return every duration in a text, in ms."""
    return [int(found.rstrip("mshd")) * MILLISECONDS[found.lstrip("0123456789")] for found in DURATION.findall(text)]


def test_the_copy_of_the_chart_is_whole(tmp_path: Path) -> None:
    copy = hurried_chart(tmp_path, 20)
    files = {path.relative_to(CHART) for path in CHART.rglob("*") if path.is_file()}
    assert {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()} == files
    assert "for: 5m" not in (copy / "rules" / "models.yaml").read_text()


def answers(bundle: Path, image: Any) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(str(bundle / "model.onnx"), options).run(["scores"], {"image": image})[0]


@pytest.mark.parametrize("make", [slow, drifting, failing])
def test_a_bad_version_is_right_on_its_golden_samples(make: Any, tmp_path: Path) -> None:
    bundle = read_bundle(make("9.0.0", tmp_path))
    for golden in load_all(bundle):
        np.testing.assert_allclose(answers(tmp_path, golden.inputs["image"]), golden.outputs["scores"], atol=1e-5)


def test_on_any_other_frame_one_fades_and_one_fails(tmp_path: Path) -> None:
    golden = load_all(read_bundle(drifting("9.0.0", tmp_path / "drifting")))[1]
    live = np.clip(golden.inputs["image"].astype(np.int16) + 3, 0, 255).astype(np.uint8)
    assert 0 < answers(tmp_path / "drifting", live).max() <= FADED
    with pytest.raises(Exception, match="Failed to allocate"):
        answers(failing("9.1.0", tmp_path / "failing"), live)
