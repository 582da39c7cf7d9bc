"""POST /predict, for people and simple applications: an image or rows in, a labelled answer out."""

from __future__ import annotations

import time
import warnings
from typing import Any

import orjson

from edge_common.answers import predictions, shares
from edge_common.errors import InvalidInput
from edge_common.tensors import Array, TensorSpec, from_json
from edge_inference.gate import Gate
from edge_inference.jsonbody import kind, parse
from edge_inference.metrics import Timing
from edge_inference.oip import InferRequest, OutputRequest
from edge_inference.picture import MAGIC, decode_image
from edge_inference.plane import Plane
from edge_inference.service import Service

_IMAGES = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG"}
# What curl --data-binary says when nobody told it otherwise.
_UNTYPED = ("", "application/octet-stream", "application/x-www-form-urlencoded")
Row = dict[str, Any]


class Predictor:
    """Answer /predict for the service's model."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._bundle = service.bundle
        self._max_pixels = settings.max_pixels
        # What Pillow thinks of a client's picture is no line of the log.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        # A picture of a hundred kilobytes can unpack to a hundred megabytes: one at a time.
        self._decoding = Gate(1, settings.max_queue, settings.queue_wait_ms / 1000)

    def predict(self, plane: Plane, body: bytes, content_type: str, timeout_s: float | None, timing: Timing) -> bytes:
        """Return {"model_name", "model_version", "predictions": [...]}, boxes in the pixels that were sent.

        Raises:
            InvalidInput: neither a JPEG, a PNG nor {"instances": [...]}, or they do not fit the model.
        """
        mimetype = content_type.partition(";")[0].strip().lower()
        if mimetype in _IMAGES or (mimetype in _UNTYPED and body.startswith(MAGIC)):
            feed, scale = self._picture(body)
            count = 1
        elif mimetype == "application/json" or mimetype in _UNTYPED:
            with plane.json.turn(len(body)):
                feed, count = _instances(plane.engine.inputs, body)
            scale = 1.0
        else:
            raise InvalidInput(f"Content-Type {mimetype[:60]!r}: want image/jpeg, image/png or application/json")
        timing.decode = time.perf_counter_ns() - timing.started
        outputs = _run(plane, feed, timeout_s, timing)
        begun = time.perf_counter_ns()
        answer = {
            "model_name": self._bundle.name,
            "model_version": self._bundle.version,
            "predictions": [_scaled(row, scale) for row in self._rows(outputs, count)],
        }
        document = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        timing.encode = time.perf_counter_ns() - begun
        return document

    def _picture(self, body: bytes) -> tuple[dict[str, Array], float]:
        image = self._bundle.image
        if image is None:
            raise InvalidInput('this model takes no image; send {"instances": [...]}')
        self._decoding.enter()
        try:
            pixels, scale = decode_image(body, image.max_side, self._max_pixels)
        finally:
            self._decoding.leave()
        return {image.input: pixels[None]}, scale

    def _rows(self, outputs: dict[str, Array], count: int) -> list[Row]:
        """One entry a box, or one an instance; the outputs themselves where the bundle does not say what they mean."""
        answer, labels = self._bundle.answer, self._bundle.labels
        named = predictions(answer, labels, outputs)
        boxes = outputs.get(answer.boxes or "")
        if boxes is not None:
            return [
                {"label": label, "score": score, "box": box}
                for (label, score), box in zip(named, boxes.tolist(), strict=False)
            ]
        if named and len(named) == count:
            rows = shares(answer, outputs) or [[]] * count
            return [_named(labels, label, score, row) for (label, score), row in zip(named, rows, strict=True)]
        scores = outputs.get(answer.score or "")
        if scores is not None and scores.size == count:
            return [{"score": score} for score in scores.ravel().tolist()]
        if all(array.ndim and len(array) == count for array in outputs.values()):
            return [{"outputs": {name: array[i].tolist() for name, array in outputs.items()}} for i in range(count)]
        return [{"outputs": {name: array.tolist() for name, array in outputs.items()}}]


def _named(labels: tuple[str, ...], label: str, score: float | None, row: list[float]) -> Row:
    found: Row = {"label": label}
    if score is not None:
        found["score"] = score
    if row:
        names = labels if len(labels) == len(row) else tuple(map(str, range(len(row))))
        found["probabilities"] = dict(zip(names, row, strict=True))
    return found


def _run(plane: Plane, feed: dict[str, Array], timeout_s: float | None, timing: Timing) -> dict[str, Array]:
    for spec in plane.engine.inputs:
        if spec.name not in feed:
            raise InvalidInput(f"input '{spec.name}' is missing")
        spec.check(spec.datatype, list(feed[spec.name].shape))
    wanted = tuple(OutputRequest(spec.name, True) for spec in plane.engine.outputs)
    arrays = plane.run(InferRequest(None, feed, wanted, None), timing, timeout_s)
    return {output.name: array for output, array in zip(wanted, arrays, strict=True)}


def _instances(specs: tuple[TensorSpec, ...], body: bytes) -> tuple[dict[str, Array], int]:
    """Return each input's rows stacked, and how many rows there are."""
    if not body.lstrip()[:1] == b"{":
        raise InvalidInput(f'want a JPEG, a PNG or {{"instances": [...]}}, got {body[:12]!r}...')
    message = parse(body)
    instances = message.get("instances")
    if type(instances) is not list or not instances:
        raise InvalidInput(f'want {{"instances": [...]}} with at least one instance, got {kind(instances)}')
    columns = _columns(specs, instances)
    return {spec.name: _column(spec, columns[spec.name]) for spec in specs}, len(instances)


def _columns(specs: tuple[TensorSpec, ...], instances: list[Any]) -> dict[str, list[Any]]:
    if all(type(row) is dict for row in instances):
        missing = [spec.name for spec in specs if any(spec.name not in row for row in instances)]
        if missing:
            raise InvalidInput(f"instances: each needs the inputs {missing}")
        return {spec.name: [row[spec.name] for row in instances] for spec in specs}
    if len(specs) != 1:
        raise InvalidInput(f"instances: want objects with the inputs {[spec.name for spec in specs]}")
    return {specs[0].name: instances}


def _column(spec: TensorSpec, rows: list[Any]) -> Array:
    """Stack rows along the first axis; a scalar a row becomes a column where the model wants one."""
    shape = [len(rows)]
    level: Any = rows
    while type(level) is list and level and type(level[0]) is list:
        level = level[0]
        shape.append(len(level))
        if len(shape) > len(spec.shape):
            break
    if len(shape) == 1 and len(spec.shape) == 2:
        shape.append(1)
        rows = [[row] for row in rows]
    if not spec.shape and len(rows) == 1:
        shape, rows = [], rows[0]
    spec.check(spec.datatype, shape)
    return from_json(spec, shape, rows)


def _scaled(row: Row, scale: float) -> Row:
    return row | {"box": [value / scale for value in row["box"]]} if "box" in row else row
