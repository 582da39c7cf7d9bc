"""Every recipe of models/, from training to bundle, with hardly any training: the steps are real, the answers are not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_common.bundle import read_bundle
from edgectl.bundle.check import check_bundle

pytestmark = pytest.mark.frameworks

MODELS = Path(__file__).parents[2] / "models"
# One thread each: the tests share the machine.
QUIET = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
BENCH = "\n[bench]\nseconds = 0.05\n"

Trained = Callable[[str], Path]


def _call(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Copy a model's scripts and recipes, train it quickly, and return its folder; each one once."""
    folder = tmp_path_factory.mktemp("models")

    def train(model: str) -> Path:
        if not (copy := folder / model).exists():
            shutil.copytree(
                MODELS / model, copy, ignore=shutil.ignore_patterns("work", "golden", "*.onnx", "model.toml")
            )
            done = _call(sys.executable, copy / "train.py", "--quick")
            assert done.returncode == 0, done.stderr
        return copy

    return train


def _built(recipe: Path, out: Path, change: Callable[[str], str] = str) -> dict[str, Any]:
    """Build as a user does; return the report, the bundle having been checked."""
    recipe.write_text(change(recipe.read_text(encoding="utf-8")) + BENCH, encoding="utf-8")
    done = _call(Path(sys.executable).parent / "edgectl", "model", "build", recipe, "--output", out, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    found = check_bundle(out)
    assert not found.differences and report["bundle"] == str(out)
    assert report["steps"][-1]["cost"]["size_bytes"] == found.bundle.model_path.stat().st_size
    return report


@pytest.mark.parametrize(
    ("model", "needs", "framework", "metric"),
    [
        pytest.param("heart-rate-anomaly", "skl2onnx", "sklearn", "ROC AUC", id="scikit-learn"),
        pytest.param("bearing-tflite", "ai_edge_litert", "tflite", "accuracy", id="tflite"),
        pytest.param("scratch-segmenter", "torch", "torch", "mean IoU", id="pytorch"),
        pytest.param("parcel-classifier", "keras", "keras", "accuracy", id="keras"),
    ],
)
def test_from_training_to_bundle(
    trained: Trained, tmp_path: Path, model: str, needs: str, framework: str, metric: str
) -> None:
    pytest.importorskip(needs)
    report = _built(trained(model) / "recipe.toml", tmp_path / "bundle")
    assert [step["step"] for step in report["steps"]] == ["converted", "prepared", "optimised"]
    assert report["steps"][0]["verify"]["outputs"] and report["original"]["p50_ms"] > 0
    bundle = read_bundle(tmp_path / "bundle")
    assert bundle.source.framework == framework and bundle.source.original_sha256
    assert bundle.source.metric is not None and bundle.source.metric.name == metric
    assert abs((bundle.source.metric.original or 0) - (bundle.source.metric.converted or 0)) < 0.02


def test_the_same_network_in_eight_bits(trained: Trained, tmp_path: Path) -> None:
    pytest.importorskip("keras")

    def anything(recipe: str) -> str:
        # A network that has learnt nothing wavers between classes: not its accuracy is tried here.
        wide = recipe.replace("max_drop = 0.01", "max_drop = 1.0")
        assert wide != recipe
        return wide + "[verify.quantised]\nmin_agreement = 0.0\nmax_difference = 1.0\n"

    report = _built(trained("parcel-classifier") / "int8" / "recipe.toml", tmp_path / "bundle", anything)
    before, after = (step["cost"]["size_bytes"] for step in report["steps"][-2:])
    assert report["steps"][-1]["step"] == "quantised" and after < 0.5 * before
    assert read_bundle(tmp_path / "bundle").version == "1.1.0"
