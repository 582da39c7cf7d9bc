"""Admission, run, and what it means: everything between the decoded request and the encoded answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edge_inference.engine import Engine
from edge_inference.gate import Gate
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
    ) -> None:
        self.engine = engine
        self.gate = gate
        self.recorder = recorder
        self._answer = answer
        self._labels = labels
        self._decoder = Decoder(engine.inputs, engine.outputs)
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
        limits = [limit for limit in (timeout_s, request.timeout_s) if limit is not None]
        self.gate.enter(time.monotonic() + min(limits) - (before - timing.started) * 1e-9 if limits else None)
        entered = clock()
        try:
            outputs = self.engine.run(request.inputs, [wanted.name for wanted in request.outputs])
        finally:
            self.gate.leave()
        timing.queue, timing.run = entered - before, clock() - entered
        first = next(iter(request.inputs.values()), None)
        timing.batch = first.shape[0] if first is not None and first.ndim else 1
        if self._labels:
            named = {wanted.name: array for wanted, array in zip(request.outputs, outputs, strict=True)}
            self.recorder.count_classes(islice(predictions(self._answer, self._labels, named), MAX_COUNTED))
        return outputs


def predictions(answer: Answer, labels: tuple[str, ...], outputs: Mapping[str, Array]) -> Iterator[tuple[str, float]]:
    """Yield (label, score) of a detection's boxes or a classification's rows, as far as the outputs tell."""
    indexes = outputs.get(answer.classes or answer.label or "")
    scores = outputs.get(answer.scores or "")
    probabilities = outputs.get(answer.probabilities or (answer.scores if answer.boxes is None else "") or "")
    if answer.boxes is not None:
        if indexes is not None and scores is not None:
            for index, score in zip(indexes.ravel().tolist(), scores.ravel().tolist(), strict=False):
                yield _label(labels, index), score
        return
    if probabilities is None or probabilities.ndim != 2:
        return
    best = probabilities.argmax(axis=1)
    for row, index in enumerate(best.tolist()):
        yield _label(labels, index), float(probabilities[row, index])


def _label(labels: tuple[str, ...], index: Any) -> str:
    number = int(index)
    return labels[number] if 0 <= number < len(labels) else str(number)
