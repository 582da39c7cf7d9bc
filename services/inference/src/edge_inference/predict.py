"""POST /predict, for people and simple applications: an image or rows in, a labelled answer out."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orjson

from edge_common.errors import InvalidInput
from edge_common.tensors import Array, TensorSpec, from_json, to_json
from edge_inference.metrics import Timing
from edge_inference.oip import InferRequest, OutputRequest
from edge_inference.plane import Plane, predictions
from edge_inference.service import Service

_IMAGES = {"image/jpeg": "JPEG", "image/jpg": "JPEG", "image/png": "PNG"}
# What curl --data-binary says when nobody told it otherwise.
_UNTYPED = ("", "application/octet-stream", "application/x-www-form-urlencoded")


class Predictor:
    """Answer /predict for the service's model."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def predict(self, body: bytes, content_type: str, timing: Timing) -> dict[str, Any]:
        """Return {"model_name", "model_version", "predictions": [...]}, boxes in the pixels that were sent.

        Raises:
            InvalidInput: neither a JPEG, a PNG nor {"instances": [...]}, or they do not fit the model.
        """
        plane = self._service.plane()
        if content_type in _IMAGES or (content_type in _UNTYPED and _looks_like_image(body)):
            rows = self._image(plane, body, timing)
        elif content_type == "application/json" or content_type in _UNTYPED:
            rows = self._instances(plane, body, timing)
        else:
            raise InvalidInput(f"Content-Type {content_type[:60]!r}: want image/jpeg, image/png or application/json")
        return {
            "model_name": self._service.bundle.name,
            "model_version": self._service.bundle.version,
            "predictions": rows,
        }

    def _image(self, plane: Plane, body: bytes, timing: Timing) -> list[dict[str, Any]]:
        image = self._service.bundle.image
        if image is None:
            raise InvalidInput('this model takes no image; send {"instances": [...]}')
        pixels, scale = decode_image(body, image.max_side, self._service.settings.max_pixels)
        outputs = self._run(plane, {image.input: pixels[None]}, timing)
        return [_scaled(row, scale) for row in self._rows(outputs, 1)]

    def _instances(self, plane: Plane, body: bytes, timing: Timing) -> list[dict[str, Any]]:
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise InvalidInput(f"body is neither a JPEG, a PNG nor valid JSON: {exc}") from None
        instances = message.get("instances") if type(message) is dict else None
        if type(instances) is not list or not instances:
            raise InvalidInput('want {"instances": [...]} with at least one instance')
        specs = plane.engine.inputs
        columns = _columns(specs, instances)
        feed = {spec.name: _column(spec, columns[spec.name]) for spec in specs}
        return self._rows(self._run(plane, feed, timing), len(instances))

    def _run(self, plane: Plane, feed: dict[str, Array], timing: Timing) -> dict[str, Array]:
        for spec in plane.engine.inputs:
            if spec.name not in feed:
                raise InvalidInput(f"input '{spec.name}' is missing")
            spec.check(spec.datatype, list(feed[spec.name].shape))
        wanted = tuple(OutputRequest(spec.name, True) for spec in plane.engine.outputs)
        arrays = plane.run(InferRequest(None, feed, wanted, None), timing)
        return {output.name: array for output, array in zip(wanted, arrays, strict=True)}

    def _rows(self, outputs: dict[str, Array], count: int) -> list[dict[str, Any]]:
        """One entry a box, or one an instance."""
        answer, labels = self._service.bundle.answer, self._service.bundle.labels
        boxes = outputs.get(answer.boxes or "")
        named = predictions(answer, labels, outputs)
        if boxes is not None:
            return [
                {"label": label, "score": score, "box": box}
                for (label, score), box in zip(named, boxes.tolist(), strict=False)
            ]
        shares = outputs.get(answer.probabilities or answer.scores or "")
        if shares is None or len(named) != count:
            return [{"outputs": {name: to_json(array, _kind(array)) for name, array in outputs.items()}}]
        return [
            {"label": label, "score": score, "probabilities": _by_label(labels, shares[row].tolist())}
            for row, (label, score) in enumerate(named)
        ]


def decode_image(body: bytes, max_side: int, max_pixels: int) -> tuple[Array, float]:
    """Return uint8 [H, W, 3] RGB with no side over `max_side`, and the factor it was scaled by.

    Raises:
        InvalidInput: not a JPEG or PNG, damaged, or more than `max_pixels`, which is read from the header
            before any pixel is decoded.
    """
    # Imported here: most services never see an image on this path.
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise InvalidInput(f"image of {width}x{height} pixels: at most {max_pixels} are accepted")
            image.draft("RGB", (max_side, max_side))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError:
        raise InvalidInput("not a JPEG or PNG: its first bytes say otherwise") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise InvalidInput(f"damaged JPEG or PNG: {exc}") from None
    full = max(width, height)
    upright.thumbnail((max_side, max_side))
    return np.asarray(upright), max(upright.size) / full


def _looks_like_image(body: bytes) -> bool:
    return body.startswith((b"\xff\xd8\xff", b"\x89PNG"))


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
    spec.check(spec.datatype, shape)
    return from_json(spec, shape, rows)


def _by_label(labels: tuple[str, ...], shares: list[float]) -> dict[str, float]:
    names = labels if len(labels) == len(shares) else tuple(map(str, range(len(shares))))
    return dict(zip(names, shares, strict=True))


def _scaled(row: dict[str, Any], scale: float) -> dict[str, Any]:
    return row | {"box": [value / scale for value in row["box"]]} if "box" in row else row


def _kind(array: Array) -> str:
    return "BYTES" if array.dtype.kind == "O" else "FP32"
