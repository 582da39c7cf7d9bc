"""The sample models' committed bundles, served by the unchanged service, asked over HTTP for what they are made for."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_common.bundle import read_bundle
from edge_inference.ask import ask
from edgectl.bundle.check import check_bundle
from live import Service

pytestmark = pytest.mark.process

MODELS = Path(__file__).parents[2] / "models"
BUILT = ["bearing-tflite", "heart-rate-anomaly", "parcel-classifier", "parcel-classifier/int8", "scratch-segmenter"]
# Of one model, with its golden samples, as they lie in the repository.
MAX_BYTES = 1_500_000
# Other than the seeds of training, calibration and the cards' figures.
SEED = 1234


def generator(model: str, module: str) -> Any:
    """Return the module that makes a sample model's data."""
    spec = importlib.util.spec_from_file_location(module, MODELS / model / f"{module}.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(params=BUILT)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """Start the service with a sample model."""
    running: list[Service] = []

    def start(model: str) -> Service:
        running.append(Service(MODELS / model, tmp_path / f"log-{len(running)}"))
        return running[-1]

    yield start
    assert [service.stop() for service in running] == [0] * len(running)


def test_the_bundle_holds_and_is_small(model: str) -> None:
    found = check_bundle(MODELS / model)
    bundle = found.bundle
    assert not found.differences and found.samples >= 3
    files = [bundle.model_path, bundle.directory / "model.toml", bundle.directory / "labels.txt", *bundle.golden_files]
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
    metric = bundle.source.metric
    assert metric is not None and metric.original is not None and metric.converted is not None
    assert 0.9 < metric.converted <= 1 and abs(metric.original - metric.converted) < 0.01
    assert bundle.source.original_sha256 and bundle.source.tools and bundle.budget.p95_ms
    # The figures are the card's too.
    assert f"{metric.converted:.4f}" in (bundle.directory / "README.md").read_text(encoding="utf-8")


def test_the_service_answers_as_recorded(model: str, serve: Callable[[str], Service]) -> None:
    service, bundle = serve(model), read_bundle(MODELS / model)
    assert ask(f"http://127.0.0.1:{service.port}", bundle) == len(bundle.golden_files)
    _, described = service.get(f"/v2/models/{bundle.name}")
    assert described["versions"] == [bundle.version]


def _jpeg(frame: Any, width: int, height: int) -> bytes:
    resized = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    good, coded = cv2.imencode(".jpg", resized[..., ::-1])
    assert good
    return coded.tobytes()


def _predict(service: Service, body: bytes, kind: str = "image/jpeg") -> list[dict[str, Any]]:
    status, _, reply = service.request("POST", "/predict", body, {"Content-Type": kind})
    assert status == 200, reply
    found: list[dict[str, Any]] = json.loads(reply)["predictions"]
    return found


@pytest.mark.parametrize("model", ["parcel-classifier", "parcel-classifier/int8"])
def test_parcels_in_pictures_of_several_sizes(model: str, serve: Callable[[str], Service]) -> None:
    service, parcels = serve(model), generator("parcel-classifier", "parcels")
    right = 0
    for number, (frame, index) in enumerate(parcels.pictures(40, SEED)):
        width, height = ((320, 240), (256, 192), (400, 300))[number % 3]
        (answer,) = _predict(service, _jpeg(frame, width, height))
        right += answer["label"] == parcels.LABELS[index]
    assert right >= 34


def test_worn_bearings(serve: Callable[[str], Service]) -> None:
    service, vibration = serve("bearing-tflite"), generator("bearing-tflite", "vibration")
    signals, classes = vibration.windows(60, SEED)
    answers = _predict(service, json.dumps({"instances": signals.tolist()}).encode(), "application/json")
    right = sum(one["label"] == vibration.LABELS[index] for one, index in zip(answers, classes, strict=True))
    assert right >= 48


def test_anomalous_heartbeats(serve: Callable[[str], Service]) -> None:
    service, windows = serve("heart-rate-anomaly"), generator("heart-rate-anomaly", "windows")
    features, labels = windows.windows(80, 0.5, SEED)
    body = json.dumps({"instances": features.astype(np.float32).tolist()}).encode()
    answers = _predict(service, body, "application/json")
    right = sum((one["label"] == "anomaly") == label for one, label in zip(answers, labels, strict=True))
    assert right >= 64
    assert {answer["score"] > 0 for answer in answers if answer["label"] == "anomaly"} == {True}


@pytest.mark.parametrize(("width", "height"), [(320, 240), (200, 150)])
def test_scratches_are_marked_in_the_pixels_that_were_sent(
    serve: Callable[[str], Service], width: int, height: int
) -> None:
    service, metal = serve("scratch-segmenter"), generator("scratch-segmenter", "metal")
    frames, masks = metal.pictures(6, SEED)
    both = either = 0
    for frame, mask in zip(frames, masks, strict=True):
        sent = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)[None]
        body = {
            "inputs": [{"name": "image", "shape": list(sent.shape), "datatype": "UINT8", "data": sent.ravel().tolist()}]
        }
        status, _, reply = service.request("POST", "/v2/models/scratch-segmenter/infer", json.dumps(body).encode())
        assert status == 200, reply
        (output,) = json.loads(reply)["outputs"]
        assert (output["name"], output["shape"]) == ("mask", [1, height, width])
        found = np.array(output["data"]).reshape(height, width) == 1
        true = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) == 1
        both, either = both + int((found & true).sum()), either + int((found | true).sum())
    assert either and both / either > 0.6
