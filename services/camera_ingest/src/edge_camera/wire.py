"""The Open Inference Protocol's binary form, as this client needs it: one picture there, arrays back."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from edge_camera.card import AnswerError, Card, Shape, Version, decode
from edge_camera.frame import Pixels
from edge_common.errors import InvalidInput
from edge_common.tensors import DTYPES, Array, TensorSpec, element_count, from_binary, from_json, to_binary

HEADER = "Inference-Header-Content-Length"
# BF16 would come as the bits of whole numbers; text and bools are no answers.
_READABLE = DTYPES.keys() - {"BF16", "BYTES", "BOOL"}


class _Parameters(msgspec.Struct, frozen=True):
    binary_data_size: int | None = None


class _Output(msgspec.Struct, frozen=True):
    name: str
    datatype: str
    shape: Shape
    parameters: _Parameters = _Parameters()
    data: Any = None


class _Reply(msgspec.Struct, frozen=True):
    model_version: Version
    outputs: list[_Output]


def encode_request(card: Card, rgb: Pixels) -> tuple[dict[str, str], list[bytes | memoryview]]:
    """Return headers and body parts for one picture, uint8 [h, w, 3] RGB; its pixels are not copied."""
    pixels = np.ascontiguousarray(rgb)
    shape = [1, *pixels.shape] if card.batched else list(pixels.shape)
    head = msgspec.json.encode(
        {
            "inputs": [
                {
                    "name": card.image_input,
                    "datatype": "UINT8",
                    "shape": shape,
                    "parameters": {"binary_data_size": pixels.nbytes},
                }
            ],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in card.outputs],
        }
    )
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(head) + pixels.nbytes),
        HEADER: str(len(head)),
    }
    return headers, [head, to_binary(pixels, "UINT8")]


def decode_reply(body: bytes, json_length: str | None) -> tuple[str, dict[str, Array]]:
    """Return the model version that answered and its outputs by name.

    Raises:
        AnswerError: the body is not such a reply, or its sizes do not add up.
    """
    length = len(body) if json_length is None else _whole(json_length)
    if not 0 <= length <= len(body):
        raise AnswerError(f"reply: {HEADER} {json_length!r} does not fit a body of {len(body)} bytes")
    reply = decode(memoryview(body)[:length], _Reply, "reply")
    arrays: dict[str, Array] = {}
    at = length
    for output in reply.outputs:
        if output.name in arrays:
            raise AnswerError(f"reply: output {output.name:.60}: want it once, found it twice")
        arrays[output.name], at = _array(output, body, at)
    if at != len(body):
        raise AnswerError(f"reply: {len(body) - at} bytes after its last output")
    return reply.model_version, arrays


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else -1


def _array(output: _Output, body: bytes, at: int) -> tuple[Array, int]:
    spec = TensorSpec(output.name, output.datatype, tuple(output.shape))
    size = output.parameters.binary_data_size
    if output.datatype not in _READABLE:
        raise AnswerError(f"reply: output {output.name}: want numbers, found datatype {output.datatype[:20]}")
    if size is not None and not 0 <= size <= len(body) - at:
        raise AnswerError(f"reply: output {output.name}: {size} bytes told, {len(body) - at} there")
    try:
        element_count(output.name, output.shape)
        if size is None:
            return from_json(spec, output.shape, output.data), at
        return from_binary(spec, output.shape, memoryview(body)[at : at + size]), at + size
    except (InvalidInput, RecursionError) as exc:
        raise AnswerError(f"reply: {exc}") from None
