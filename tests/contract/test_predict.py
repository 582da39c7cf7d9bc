"""POST /predict against real servers: images and rows in, labelled answers out, and every refusal told."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onnx_models
from edge_common.bundle import sha256_of
from live import Service

LABELS = ("red", "green", "blue")
JPEG, PNG = {"Content-Type": "image/jpeg"}, {"Content-Type": "image/png"}
JSON = {"Content-Type": "application/json"}


def _bundle(directory: Path, task: str, answer: str) -> Path:
    (directory / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (directory / "model.toml").write_text(
        f'schema = 1\nname = "{task}"\nversion = "1.0.0"\ntask = "{task}"\n'
        f'[file]\npath = "model.onnx"\nsha256 = "{sha256_of(directory / "model.onnx")}"\n'
        f'[image]\ninput = "image"\nmax_side = 64\n[answer]\nlabels = "labels.txt"\n{answer}'
    )
    return directory


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The mean of each channel, as if shares of three classes; at most 40 000 pixels."""
    folder = tmp_path_factory.mktemp("colours")
    onnx_models.brightness(folder / "model.onnx")
    bundle = _bundle(folder, "classification", 'probabilities = "share"\n')
    running = Service(bundle, folder / "log", "--max-pixels", "40000", "--max-body-bytes", "200000")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One box around the whole image."""
    folder = tmp_path_factory.mktemp("frames")
    onnx_models.frame(folder / "model.onnx")
    answer = 'boxes = "boxes"\nscores = "scores"\nclasses = "classes"\n'
    running = Service(_bundle(folder, "detection", answer), folder / "log")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The doubler: it takes no image and names no classes."""
    folder = tmp_path_factory.mktemp("rows")
    running = Service(onnx_models.doubler(folder / "rows.onnx"), folder / "log")
    yield running
    assert running.stop() == 0


def picture(
    width: int, height: int, colour: Any = (200, 0, 0), form: str = "PNG", mode: str = "RGB", **how: Any
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, form, **how)
    return out.getvalue()


def predict(service: Service, body: bytes, headers: dict[str, str]) -> list[dict[str, Any]]:
    status, found, answer = service.request("POST", "/predict", body, headers)
    assert (status, found["content-type"]) == (200, "application/json"), answer
    read = json.loads(answer)
    assert set(read) == {"model_name", "model_version", "predictions"}
    predictions: list[dict[str, Any]] = read["predictions"]
    return predictions


def refusal(service: Service, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    status, found, answer = service.request("POST", "/predict", body, headers)
    read = json.loads(answer)
    assert found["content-type"] == "application/json" and set(read) == {"error", "code", "request_id"}
    return status, read["error"]


@pytest.mark.parametrize("channel", range(3), ids=LABELS)
@pytest.mark.parametrize(
    "headers", [PNG, {"Content-Type": "application/octet-stream"}, {}], ids=["png", "octets", "none"]
)
def test_a_png_is_named_by_its_colour(colours: Service, channel: int, headers: dict[str, str]) -> None:
    colour = tuple(200 if i == channel else 10 for i in range(3))
    (row,) = predict(colours, picture(30, 20, colour), headers)
    assert (row["label"], row["score"]) == (LABELS[channel], 200)
    assert row["probabilities"] == dict(zip(LABELS, colour, strict=True))


def test_a_jpeg(colours: Service) -> None:
    (row,) = predict(colours, picture(30, 20, form="JPEG", quality=95), JPEG)
    assert row["label"] == "red" and row["score"] == pytest.approx(200, abs=3)


@pytest.mark.parametrize(("mode", "colour"), [("L", 77), ("RGBA", (77, 77, 77, 255)), ("P", 0), ("1", 0)])
def test_every_kind_of_png_becomes_rgb(colours: Service, mode: str, colour: Any) -> None:
    (row,) = predict(colours, picture(9, 9, colour, mode=mode), PNG)
    assert set(row["probabilities"].values()) <= {0, 77}


@pytest.mark.parametrize("size", [(100, 50), (64, 64), (50, 150), (1, 200), (33, 7)], ids=str)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_boxes_are_in_the_pixels_that_were_sent(frames: Service, size: tuple[int, int], form: str) -> None:
    (row,) = predict(frames, picture(*size, form=form), {"Content-Type": f"image/{form.lower()}"})
    assert (row["label"], row["score"]) == ("green", 0.75)
    # The model sees whole pixels: a thin side is rounded, by up to half a pixel of the scaled image.
    scale = max(size) / 64 if max(size) > 64 else 0.0
    assert row["box"] == pytest.approx([0, 0, *size], abs=scale + 1e-3)


def test_an_image_on_its_side_is_turned_upright(frames: Service) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (row,) = predict(frames, picture(60, 20, form="JPEG", exif=exif), JPEG)
    assert row["box"] == [0, 0, 20, 60]


def test_too_many_pixels_are_refused_from_the_header_alone(colours: Service) -> None:
    body = picture(201, 200)
    assert refusal(colours, body, PNG) == (400, "image of 201x200 pixels: at most 40000 are accepted")
    assert predict(colours, picture(200, 200), PNG)
    # A header that promises 4 gigapixels, with nothing behind it.
    huge = bytearray(picture(10, 10))
    huge[16:24] = (65535).to_bytes(4, "big") * 2
    status, _ = refusal(colours, bytes(huge), PNG)
    assert status == 400


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", JPEG),
        (b"not an image", JPEG),
        (b"\xff\xd8\xff\xe0 only begins like one", {}),
        (picture(50, 50)[:60], PNG),
        (picture(50, 50, form="JPEG")[:-200], JPEG),
        (picture(5, 5, form="GIF"), PNG),
        (picture(5, 5, form="BMP"), JPEG),
        (picture(5, 5), {"Content-Type": "image/webp"}),
        (picture(5, 5), {"Content-Type": "text/plain"}),
    ],
    ids=["empty", "text", "begins like one", "cut png", "cut jpeg", "gif", "bmp", "webp type", "text type"],
)
def test_what_is_no_readable_image(colours: Service, body: bytes, headers: dict[str, str]) -> None:
    status, text = refusal(colours, body, headers)
    assert status == 400 and "JPEG" in text.upper()


def test_an_image_for_a_model_without_one(rows: Service) -> None:
    status, text = refusal(rows, picture(5, 5), PNG)
    assert status == 400 and "takes no image" in text


def test_a_body_over_the_limit(colours: Service) -> None:
    assert refusal(colours, b"\xff\xd8\xff" + bytes(300_000), JPEG)[0] == 413


@pytest.mark.parametrize("instances", [[[1, 2], [3, 4]], [{"x": [1, 2]}, {"x": [3, 4]}]], ids=["lists", "objects"])
@pytest.mark.parametrize(
    "headers", [JSON, {"Content-Type": "application/json; charset=utf-8"}, {}], ids=["json", "utf8", "none"]
)
def test_instances(rows: Service, instances: Any, headers: dict[str, str]) -> None:
    found = predict(rows, json.dumps({"instances": instances}).encode(), headers)
    assert found == [{"outputs": {"y": [2, 4]}}, {"outputs": {"y": [6, 8]}}]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "valid JSON"),
        (b"\xff\xfe", "want a JPEG, a PNG or"),
        (b"[]", "instances"),
        (b"{}", "instances"),
        (b'{"instances": []}', "at least one"),
        (b'{"instances": {}}', "instances"),
        (b'{"instances": [[1, 2], [3]]}', "shape"),
        (b'{"instances": [[1, 2, 3]]}', "shape"),
        (b'{"instances": [["a", "b"]]}', "FP32"),
        (b'{"instances": [[1, null]]}', None),
        (b'{"instances": [1, 2]}', "shape"),
        (b'{"instances": [{"z": [1, 2]}]}', "'x'"),
        (b'{"instances": [{"x": [1, 2]}, [1, 2]]}', ""),
        (b'{"instances": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
        (b'{"instances": [[1e40, 2]]}', "range"),
    ],
)
def test_instances_that_do_not_fit(rows: Service, body: bytes, text: str | None) -> None:
    if text is None:  # null is NaN, as in infer
        (row,) = predict(rows, body, JSON)
        assert row["outputs"]["y"] == [2, None] or row["outputs"]["y"] == [[2, None]]
        return
    status, error = refusal(rows, body, JSON)
    assert status == 400 and text in error


def test_a_compressed_body_is_unpacked_or_refused_but_never_misread(rows: Service) -> None:
    body = gzip.compress(b'{"instances": [[1, 2]]}')
    (row,) = predict(rows, body, JSON | {"Content-Encoding": "gzip"})
    assert np.ravel(row["outputs"]["y"]).tolist() == [2, 4]
    assert refusal(rows, gzip.compress(bytes(50_000_000)), JSON | {"Content-Encoding": "gzip"})[0] == 413
    assert refusal(rows, body, JSON | {"Content-Encoding": "br"})[0] == 415


def test_a_call_is_counted(rows: Service) -> None:
    series = 'edge_inference_requests_total{model="rows",outcome="invalid",version="1"} '

    def count() -> float:
        return float(rows.metrics().partition(series)[2].split("\n")[0])

    before = count()
    refusal(rows, b"{", JSON)
    assert count() == before + 1
