"""What the model card says: every number measured here, by this run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from rich.progress import Progress
from rich.table import Table

from clip import read_clip
from edge_common.manifest import Answer as AnswerKeys
from edge_common.manifest import Budget, Metric, Source
from edge_common.manifest import Image as ImageKeys
from edgectl.bundle.session import Model
from evaluate import Answer, Result, evaluate
from goldens import IOU_MARGIN, SCORE_MARGIN
from graph import IOU_THRESHOLD, MAX_BOXES, SCORE_THRESHOLD
from limits import CHANGES, Limit, limits
from limits import SCENES as LIMIT_SCENES
from network import CLASSES, NET_HEIGHT, NET_WIDTH, STRIDE
from scenes import MIN_VISIBLE, Digits, Image, Truth

TOOLS = ("keras", "tensorflow-cpu", "tf2onnx", "onnx", "onnxruntime", "scikit-learn", "opencv-python-headless")
LABELS = [str(digit) for digit in range(CLASSES)]
FACTS: dict[str, Any] = {
    "name": "belt-detector",
    "version": "1.0.0",
    "task": "detection",
    "description": "Parcels with a handwritten digit on a conveyor belt",
    "labels": LABELS,
    "answer": AnswerKeys(boxes="boxes", scores="scores", classes="classes"),
    "image": ImageKeys(input="image", max_side=640),
    "budget": Budget(p95_ms=150, cold_start_ms=10_000, memory_mb=300),
    # Boxes are in pixels: 0.05 of one, or 1 % of a score, is far below what a kernel of another CPU changes.
    "rtol": 1e-2,
    "atol": 5e-2,
}
LATENCY_RUNS = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the card states; latencies in ms for one 640x480 frame on one thread."""

    original: Result
    converted: Result
    clip: Result
    limits: tuple[Limit, ...]
    scenes: int
    p50_ms: float
    p95_ms: float
    size: int
    parameters: int


def measure(
    model: Any,
    graph: Path,
    clip_dir: Path,
    scenes: Sequence[tuple[Image, list[Truth]]],
    digits: Digits,
    seed: int,
    progress: Callable[[], Progress],
) -> Figures:
    """Score the Keras model and the ONNX graph on the same scenes; the graph also on the clip and past its limits."""
    session = Model(graph)
    truths = [truth for _, truth in scenes]
    original, converted = [], []
    with progress() as bar:
        task = bar.add_task("held-out scenes", total=len(scenes))
        for frame, _ in scenes:
            original.append(keras_answer(model, frame))
            converted.append(onnx_answer(session, frame))
            bar.advance(task)
        rows = limits(lambda frame: onnx_answer(session, frame), digits, seed)
        ends = tuple(bar.track(rows, total=CHANGES, description="limits"))
    frames, clip_truths = read_clip(clip_dir)
    clip_answers = [onnx_answer(session, frame) for frame in frames]
    times = _times(session, frames[0])
    return Figures(
        evaluate(truths, original),
        evaluate(truths, converted),
        evaluate(clip_truths, clip_answers),
        ends,
        len(scenes),
        float(np.quantile(times, 0.5)),
        float(np.quantile(times, 0.95)),
        graph.stat().st_size,
        sum(int(np.prod(item.dims)) for item in onnx.load(graph).graph.initializer),
    )


def onnx_answer(session: Model, frame: Image) -> Answer:
    out = session.run({"image": frame[None]})
    return Answer(out["boxes"], out["scores"], out["classes"])


def keras_answer(model: Any, frame: Image) -> Answer:
    """The same post-processing, written in numpy and OpenCV: a check of the graph, not a copy of it."""
    small = cv2.resize(frame.astype(np.float32), (NET_WIDTH, NET_HEIGHT), interpolation=cv2.INTER_LINEAR)
    cells = np.asarray(model(small[None] / 255, training=False))[0].reshape(-1, CLASSES + 4)
    scores = 1 / (1 + np.exp(-cells[:, :CLASSES].max(1)))
    index = np.arange(len(cells))
    width = NET_WIDTH // STRIDE
    centres = np.stack([index % width, index // width], 1) + 0.5
    corners = np.concatenate([centres - cells[:, CLASSES : CLASSES + 2], centres + cells[:, CLASSES + 2 :]], 1)
    height_px, width_px = frame.shape[:2]
    limit = np.array([width_px, height_px] * 2)
    boxes = np.clip(corners * STRIDE * limit / np.array([NET_WIDTH, NET_HEIGHT] * 2), 0, limit)
    sized = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    kept = np.asarray(cv2.dnn.NMSBoxes(sized.tolist(), scores.tolist(), SCORE_THRESHOLD, IOU_THRESHOLD), int).ravel()
    kept = kept[np.argsort(-scores[kept])][:MAX_BOXES]
    return Answer(boxes[kept].astype(np.float32), scores[kept].astype(np.float32), cells[kept, :CLASSES].argmax(1))


def _times(session: Model, frame: Image) -> list[float]:
    times = []
    for _ in range(LATENCY_RUNS):
        started = time.perf_counter()
        session.run({"image": frame[None]})
        times.append((time.perf_counter() - started) * 1000)
    return times[10:]


def source(figures: Figures, tools: Mapping[str, str]) -> Source:
    metric = Metric(name="mAP@0.5", original=round(figures.original.map, 4), converted=round(figures.converted.map, 4))
    return Source(framework="keras", metric=metric, tools=dict(tools))


def rows(figures: Figures) -> list[tuple[str, str]]:
    converted, clip = figures.converted, figures.clip
    return [
        ("mAP@0.5, ONNX graph", f"{converted.map:.3f}"),
        ("mAP@0.5, Keras model", f"{figures.original.map:.3f}"),
        ("precision / recall, held-out scenes", f"{converted.precision:.3f} / {converted.recall:.3f}"),
        ("precision / recall, the clip", f"{clip.precision:.3f} / {clip.recall:.3f}"),
        ("latency p50 / p95, 640x480, one thread", f"{figures.p50_ms:.1f} / {figures.p95_ms:.1f} ms"),
        ("size, parameters", f"{figures.size / 1000:.0f} kB, {figures.parameters:,}"),
    ]


def table(figures: Figures) -> Table:
    shown = Table("figure", "measured", title=f"belt-detector on {figures.scenes} held-out scenes")
    for row in rows(figures):
        shown.add_row(*row)
    return shown


def markdown(figures: Figures) -> str:
    """Return the model card."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in rows(figures))
    ap = "\n".join(f"| {label} | {value:.3f} |" for label, value in zip(LABELS, figures.converted.ap, strict=True))
    head = "| truth \\ answer | " + " | ".join([*LABELS, "missed"]) + " |"
    body = "\n".join(
        f"| **{label}** | " + " | ".join(str(int(v)) for v in row) + " |"
        for label, row in zip(LABELS, figures.converted.confusion, strict=True)
    )
    ends = "\n".join(f"| {end.change} | {end.precision:.2f} | {end.recall:.2f} |" for end in figures.limits)
    return _CARD.format(
        limits=ends,
        limit_scenes=LIMIT_SCENES,
        score_margin=SCORE_MARGIN,
        iou_margin=IOU_MARGIN,
        scenes=figures.scenes,
        facts=facts,
        ap=ap,
        head=head,
        rule="|---" * (CLASSES + 2) + "|",
        body=body,
        threshold=SCORE_THRESHOLD,
        iou=IOU_THRESHOLD,
        cap=MAX_BOXES,
        visible=round(MIN_VISIBLE * 100),
    )


_CARD = """# belt-detector

Finds parcels on a conveyor belt and reads the handwritten digit on their label. Made by `recipe.py`, which also
wrote this card; every number below is from that run, on one x86-64 machine.

## In and out

`image`: uint8 [1, H, W, 3], RGB, any size. `boxes` float32 [n, 4] (x1 y1 x2 y2 in the pixels that were sent), `scores`
float32 [n], `classes` int64 [n] (index into labels.txt), strongest first, at most {cap}. Resizing to 320x240, scaling,
the score threshold of {threshold} and class-blind non-maximum suppression (IoU {iou}) are inside the graph.

## Figures

| figure | measured |
|---|---|
{facts}

Held-out: {scenes} generated scenes whose digits (a fifth of the set, split by sample) were never in a training scene.
A parcel counts when at least {visible} % of it is visible; others count neither way. AP at IoU 0.5:

| digit | AP@0.5 |
|---|---|
{ap}

{head}
{rule}
{body}

## Data

Digits: the 1,797 handwritten 8x8 digits bundled with scikit-learn (UCI, by Alpaydin and Kaynak), 70 % train,
10 % spare, 20 % held out. Scenes (`scenes.py`): parcels of five colours, 92 to 168 pixels wide, turned by up to 12
degrees, some overlapping; light, colour of light, blur and noise vary. `belt.mp4` (200 frames, 10 a second) and its
truth `belt.truth.jsonl` use held-out digits only; `"ignore": true` marks parcels that are entering, leaving or covered.

## Known limits

- Generated pictures only: it has seen no real camera. Train on your own frames before you rely on it.
- One camera angle, from above; parcels with a pale label, one digit on it.
- Size and turn, each row on {limit_scenes} new scenes with every parcel so changed:

| parcels (in a 640x480 frame) | precision | recall |
|---|---|---|
{limits}

- Golden samples are compared with a tolerance of 1 % plus 0.05 (pixels, or of a score). Their boxes stay the same with
  the score threshold moved by {score_margin} and the IoU threshold by {iou_margin} either way: no CPU tips one over.
"""
