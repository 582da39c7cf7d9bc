"""Admission, run, and what it means: everything between the decoded request and the encoded answer."""

from __future__ import annotations

import time
from typing import Any

from edge_common.answers import counted
from edge_common.manifest import Answer
from edge_common.tensors import Array
from edge_inference.engine import Engine
from edge_inference.gate import Gate
from edge_inference.jsonbody import JsonReader
from edge_inference.metrics import Recorder, Timing
from edge_inference.oip import Decoder, Encoder, InferRequest

# Predictions of one call that are counted by class; a hundred boxes are a full picture.
MAX_COUNTED = 100


class Plane:
    """One ready model: decode, admit, run, encode, and count."""

    def __init__(
        self,
        name: str,
        version: str,
        engine: Engine,
        gate: Gate,
        recorder: Recorder,
        answer: Answer,
        labels: tuple[str, ...],
        json: JsonReader,
    ) -> None:
        self.json = json
        self.engine = engine
        self.gate = gate
        self.recorder = recorder
        self._answer = answer
        self._labels = labels
        self._counts = recorder.counts_predictions
        self._decoder = Decoder(engine.inputs, engine.outputs, json)
        self._encoder = Encoder(name, version, engine.outputs)

    def infer(
        self, body: bytes, header_length: str | None, timeout_s: float | None, timing: Timing
    ) -> tuple[int | None, list[Any]]:
        """Return (JSON length or None, body pieces); `timeout_s` is the header's deadline, the earlier one counts.

        Raises:
            InvalidInput, Overloaded, DeadlinePassed: as docs/inference-api.md says.
        """
        clock = time.perf_counter_ns
        request = self._decoder.decode(body, header_length)
        t1 = clock()
        timing.decode = t1 - timing.started
        outputs = self.run(request, timing, timeout_s)
        t2 = clock()
        pieces = self._encoder.encode(request, outputs)
        timing.encode = clock() - t2
        return pieces

    def run(self, request: InferRequest, timing: Timing, timeout_s: float | None = None) -> list[Array]:
        """Wait for a slot, run, and return the wanted outputs."""
        clock = time.perf_counter_ns
        before = clock()
        self.gate.enter(_deadline(timeout_s, request.timeout_s, before - timing.started))
        entered = clock()
        try:
            outputs = self.engine.run(request.inputs, self._decoder.names(request.outputs))
        finally:
            self.gate.leave()
        timing.queue, timing.run = entered - before, clock() - entered
        first = next(iter(request.inputs.values()), None)
        timing.batch = first.shape[0] if first is not None and first.ndim else 1
        if self._counts:
            named = {wanted.name: array for wanted, array in zip(request.outputs, outputs, strict=True)}
            self.recorder.count_classes(counted(self._answer, self._labels, named, MAX_COUNTED))
        return outputs


def _deadline(header_s: float | None, body_s: float | None, spent_ns: int) -> float | None:
    """The earlier of both limits as a point of time.monotonic(), counted from the request's arrival."""
    if header_s is None and body_s is None:
        return None
    limit = min(value for value in (header_s, body_s) if value is not None)
    return time.monotonic() + limit - spent_ns * 1e-9
