"""What the service says of its model: labels a client reads back as they are, figures, and a sample to try."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

import onnx_models
from edge_camera.card import read_card
from edge_common.bundle import read_bundle
from edge_common.golden import save_golden
from edge_inference import describe
from edge_inference.app import create_app
from edge_inference.cpu import CpuLimit
from edge_inference.example import MAX_EXAMPLE
from edge_inference.service import Service, since_boot
from edge_inference.settings import Settings

LABELS = ("box, torn", "box, wet", "=;\"'")


def _service(directory: Path, task: str, more: str = "", *, load: bool = True) -> Service:
    digest = hashlib.sha256((directory / "model.onnx").read_bytes()).hexdigest()
    (directory / "model.toml").write_text(
        f'schema = 1\nname = "m"\nversion = "1.0.0"\ntask = "{task}"\n'
        f'[file]\npath = "model.onnx"\nsha256 = "{digest}"\n{more}'
    )
    service = Service(Settings(model=directory, cache_dir=None), read_bundle(directory), CpuLimit(1.0, 1))
    if load:
        service.load(since_boot())
    return service


def _status(service: Service) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(create_app(service).test_client().get("/status").data)
    return document


def test_labels_with_a_comma_reach_the_camera_as_they_are(tmp_path: Path) -> None:
    onnx_models.frame(tmp_path / "model.onnx")
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    answer = '[answer]\nlabels = "labels.txt"\nboxes = "boxes"\nscores = "scores"\nclasses = "classes"\n'
    service = _service(tmp_path, "detection", '[image]\ninput = "image"\nmax_side = 64\n' + answer)
    card = read_card(orjson.dumps(describe.metadata(service)))
    assert (card.labels, card.max_side) == (LABELS, 64)


@pytest.mark.parametrize(
    ("figures", "value"),
    [
        pytest.param("original = 0.5\nconverted = 0.0\n", 0.0, id="zero is a value"),
        pytest.param("original = 0.5\nconverted = 0.25\n", 0.25, id="converted before original"),
        pytest.param("original = 0.5\n", 0.5, id="original alone"),
        pytest.param("", None, id="neither"),
    ],
)
def test_metric(tmp_path: Path, figures: str, value: float | None) -> None:
    onnx_models.doubler(tmp_path / "model.onnx")
    service = _service(tmp_path, "tensor", f'[source.metric]\nname = "error"\n{figures}', load=False)
    assert _status(service)["metric"] == {"name": "error", "value": value}


def test_statistics_have_every_entry_from_the_start(tmp_path: Path) -> None:
    onnx_models.doubler(tmp_path / "model.onnx")
    (model,) = describe.statistics(_service(tmp_path, "tensor", load=False))["model_stats"]
    assert set(map(str, model["inference_stats"].values())) == {"{'count': 0, 'ns': 0}"}
    assert {"success", "fail", "cache_hit", "cache_miss"} <= model["inference_stats"].keys()


def test_status_gives_buckets_of_the_whole_call_and_of_the_run(tmp_path: Path) -> None:
    onnx_models.doubler(tmp_path / "model.onnx")
    buckets = _status(_service(tmp_path, "tensor", load=False))["buckets"]
    assert len(buckets["counts"]) == len(buckets["run_counts"]) == len(buckets["bounds"]) + 1


def _sampled(directory: Path, rows: np.ndarray[Any, Any], *, load: bool = True) -> Service:
    onnx_models.doubler(directory / "model.onnx")
    save_golden(directory / "0.npz", {"x": rows}, {"y": rows * 2})
    return _service(directory, "tensor", '[golden]\nfiles = ["0.npz"]\n', load=load)


def test_the_example_is_the_first_golden_sample_and_read_once(tmp_path: Path) -> None:
    rows = np.array([[0.1, 1], [2, -3]], np.float32)
    service = _sampled(tmp_path, rows)
    wanted = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [0.1, 1.0, 2.0, -3.0]}]}
    assert _status(service)["example"] == wanted
    (tmp_path / "0.npz").unlink()
    assert _status(service)["example"] == wanted


@pytest.mark.parametrize(
    ("count", "there"),
    [
        pytest.param(MAX_EXAMPLE // 2, True, id="as large as may be"),
        pytest.param(MAX_EXAMPLE // 2 + 1, False, id="one row too many"),
        pytest.param(100_000, False, id="a file too large to read for this"),
    ],
)
def test_only_a_small_sample_is_an_example(tmp_path: Path, count: int, there: bool) -> None:
    service = _sampled(tmp_path, np.ones((count, 2), np.float32))
    assert (_status(service)["example"] is not None) is there


def test_there_is_no_example_before_the_model_is_ready_or_without_samples(tmp_path: Path) -> None:
    service = _sampled(tmp_path, np.ones((1, 2), np.float32), load=False)
    assert _status(service)["example"] is None
    service.load(since_boot())
    assert _status(service)["example"] is not None
    bare = tmp_path / "bare"
    bare.mkdir()
    onnx_models.doubler(bare / "model.onnx")
    assert _status(_service(bare, "tensor"))["example"] is None


def test_a_sample_that_went_away_is_no_example(tmp_path: Path) -> None:
    service = _sampled(tmp_path, np.ones((1, 2), np.float32))
    (tmp_path / "0.npz").unlink()
    assert _status(service)["example"] is None


def test_text_is_an_example_too(tmp_path: Path) -> None:
    onnx_models.echo(tmp_path / "model.onnx")
    text = np.array(["a", "ü"], object)
    save_golden(tmp_path / "0.npz", {"text": text}, {"said": text})
    service = _service(tmp_path, "tensor", '[golden]\nfiles = ["0.npz"]\n')
    (tensor,) = _status(service)["example"]["inputs"]
    assert (tensor["datatype"], tensor["data"]) == ("BYTES", ["a", "ü"])


def test_status_tells_drift_or_that_there_is_no_reference(tmp_path: Path) -> None:
    onnx_models.doubler(tmp_path / "model.onnx")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    answer = '[answer]\nprobabilities = "y"\nlabels = "labels.txt"\n'
    nothing = {"psi": None, "by_chance": None, "wanted": None}
    assert _status(_service(tmp_path, "tabular", answer, load=False))["drift"] == {
        "reference": 0,
        "predictions": 0.0,
        "score": nothing,
        "class": nothing,
        "shares": {"a": 0.0, "b": 0.0},
        "reference_shares": {"a": 0.0, "b": 0.0},
    }
    reference = "[reference]\npredictions = 400\nscore_counts = [400]\n[reference.classes]\na = 300\nb = 100\n"
    service = _service(tmp_path, "tabular", answer + reference, load=False)
    service.recorder.count_classes([("a", 0.5)] * 600)
    drift = _status(service)["drift"]
    assert (drift["reference"], drift["reference_shares"], drift["class"]["wanted"]) == (
        400,
        {"a": 0.75, "b": 0.25},
        500,
    )
    assert drift["class"]["psi"] > 0.25 and drift["score"]["psi"] == 0 and drift["shares"] == {"a": 1.0, "b": 0.0}
