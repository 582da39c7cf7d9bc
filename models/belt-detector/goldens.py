"""Golden inputs whose answer no other CPU can tip over a threshold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgectl.bundle.session import Model
from graph import IOU_THRESHOLD, SCORE_THRESHOLD
from scenes import Image, Truth

# Moving either threshold by this much, both ways, must leave a golden frame's boxes as they are, and their scores
# must lie this far apart, so that they keep their order: kernels of different CPUs differ by far less.
SCORE_MARGIN, IOU_MARGIN, SCORE_GAP = 0.15, 0.1, 0.0005
EMPTY, SEVERAL = 1, 2


def golden_inputs(
    graph: Path, scenes: Sequence[tuple[Image, list[Truth]]], scratch: Path
) -> list[dict[str, npt.NDArray[Any]]]:
    """Return an empty belt and two frames with at least three parcels, half size to keep the bundle small.

    Raises:
        RuntimeError: too few of `scenes` are firm enough, as after a training that was cut short.
    """
    count = firm_boxes(graph, scratch)
    small = [(_half(frame), truth) for frame, truth in scenes]
    counted = [(frame, count(frame), truth) for frame, truth in small]
    empty = [frame for frame, boxes, truth in counted if boxes == 0 and not truth][:EMPTY]
    several = [frame for frame, boxes, _ in counted if boxes is not None and boxes >= 3][:SEVERAL]
    if len(empty) < EMPTY or len(several) < SEVERAL:
        raise RuntimeError(f"want {EMPTY} + {SEVERAL} golden frames, found {len(empty)} + {len(several)} that hold")
    return [{"image": frame} for frame in empty + several]


def _half(frame: Image) -> Image:
    return cv2.resize(frame, (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)[None]


def firm_boxes(graph: Path, scratch: Path) -> Callable[[Image], int | None]:
    """Return a function of one frame [1, H, W, 3]: its number of boxes, or None when a moved threshold changes it."""
    shifts = [(score, iou) for score in (-SCORE_MARGIN, SCORE_MARGIN) for iou in (-IOU_MARGIN, IOU_MARGIN)]
    sessions = [Model(_shifted(graph, scratch / f"shift-{i}.onnx", *shift)) for i, shift in enumerate(shifts)]

    def count(frame: Image) -> int | None:
        answers = [session.run({"image": frame}) for session in sessions]
        same = all(np.array_equal(answer["boxes"], answers[0]["boxes"]) for answer in answers)
        ordered = bool((-np.diff(answers[0]["scores"]) >= SCORE_GAP).all())
        return len(answers[0]["boxes"]) if same and ordered else None

    return count


def _shifted(graph: Path, target: Path, score: float, iou: float) -> Path:
    """Write `graph` to `target` with both of its thresholds moved."""
    model = onnx.load(graph)
    moved = {"score_threshold": SCORE_THRESHOLD + score, "iou_threshold": IOU_THRESHOLD + iou}
    for tensor in model.graph.initializer:
        if tensor.name in moved:
            tensor.CopyFrom(numpy_helper.from_array(np.array([moved[tensor.name]], np.float32), tensor.name))
    onnx.save(model, target)
    return target
