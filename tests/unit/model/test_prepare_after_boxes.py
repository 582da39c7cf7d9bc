"""Raw outputs of detectors to boxes in the pixels that were sent: the graph equals numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_common.tensors import Array
from edgectl.model.prepare.after import reference
from edgectl.model.prepare.after.spec import After, Boxes
from edgectl.model.prepare.geometry import Geometry
from model_graphs_after import Shapes, answered, check, geometries, pair

CLASSES = 3
LABELS = ("box", "bag", "crate")
SAME = Geometry(pair(1, 1), pair(0, 0), pair(64, 48), pair(64, 48))


def yolo(chance: np.random.Generator, count: int, levels: int) -> tuple[Array, Array]:
    """Boxes cx cy w h on whole pixels and scores in steps of 1 / levels: many overlap, many are equal."""
    boxes = np.concatenate([chance.integers(-4, 68, (count, 2)), chance.integers(0, 24, (count, 2))], 1)
    return boxes.astype(np.float32), (chance.integers(0, levels + 1, (count, CLASSES)) / levels).astype(np.float32)


def v5(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    boxes, scores = yolo(chance, count, levels)
    return {"raw": np.concatenate([boxes, scores[:, :1], scores], 1)[None]}


def v8(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    boxes, scores = yolo(chance, count, levels)
    return {"raw": np.concatenate([boxes, scores], 1).T[None].copy()}


def v10(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    boxes, scores = yolo(chance, count, levels)
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    number = chance.integers(0, CLASSES, (count, 1)).astype(np.float32)
    return {"raw": np.concatenate([corners, scores[:, :1], number], 1)[None]}


def decoded(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    """ymin xmin ymax xmax in 64ths, a column for the background before the classes' scores."""
    low = chance.integers(0, 48, (count, 2))
    boxes = (np.concatenate([low, low + chance.integers(0, 24, (count, 2))], 1) / 64).astype(np.float32)
    scores = (chance.integers(0, levels + 1, (count, CLASSES + 1)) / levels).astype(np.float32)
    return {"boxes": boxes[None], "scores": scores[None]}


def chosen(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    """As TFLite_Detection_PostProcess gives it, but classes counted from 1, with some background."""
    made = decoded(chance, count, levels)
    number = chance.integers(0, CLASSES + 1, (1, count)).astype(np.float32)
    return {"boxes": made["boxes"], "scores": made["scores"][:, :, 0].copy(), "number": number}


def torchvision(chance: np.random.Generator, count: int, levels: int) -> dict[str, Array]:
    """x1 y1 x2 y2 in pixels, no batch, whole class numbers."""
    made = v10(chance, count, levels)["raw"][0]
    return {"b": made[:, :4].copy(), "s": made[:, 4].copy(), "l": made[:, 5].astype(np.int64)}


Make = Callable[[np.random.Generator, int, int], dict[str, Array]]
CASES: dict[str, tuple[Make, Shapes, Boxes]] = {
    "v5": (v5, {"raw": (-1, -1, 5 + CLASSES)}, Boxes(style="yolo-v5", iou=0.5)),
    "v5-many": (v5, {"raw": (1, -1, 5 + CLASSES)}, Boxes(style="yolo-v5", many=True, max_boxes=4)),
    "v8": (v8, {"raw": (-1, 4 + CLASSES, -1)}, Boxes(style="yolo-v8", iou=0.25, max_boxes=7)),
    "v8-many": (v8, {"raw": (1, 4 + CLASSES, -1)}, Boxes(style="yolo-v8", min_score=0, many=True)),
    "v8-blind": (v8, {"raw": (1, 4 + CLASSES, -1)}, Boxes(style="yolo-v8", suppress="class-blind", iou=0.5)),
    "v8-all": (v8, {"raw": (1, 4 + CLASSES, -1)}, Boxes(style="yolo-v8", suppress="none", max_boxes=5)),
    "v8-all-many": (v8, {"raw": (1, -1, -1)}, Boxes(style="yolo-v8", suppress="none", many=True, min_score=0.5)),
    "v10": (v10, {"raw": (1, -1, 6)}, Boxes(style="yolo-v10")),
    "v10-blind": (v10, {"raw": (1, -1, 6)}, Boxes(style="yolo-v10", suppress="class-blind")),
    "ssd": (
        decoded,
        {"boxes": (1, -1, 4), "scores": (1, -1, CLASSES + 1)},
        Boxes(style="ssd-decoded", source="boxes", scores="scores", first_class=1),
    ),
    "ssd-chosen": (
        chosen,
        {"boxes": (1, -1, 4), "scores": (1, -1), "number": (1, -1)},
        Boxes(style="ssd-decoded", source="boxes", scores="scores", classes="number", first_class=1),
    ),
    "torchvision": (
        torchvision,
        {"b": (-1, 4), "s": (-1,), "l": (-1,)},
        Boxes(style="ssd-decoded", source="b", scores="s", classes="l", order="xy", normalised=False),
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([0, 1, 2, 30, 200]),
    levels=st.sampled_from([2, 1000]),
    geometry=geometries(),
)
def test_graph_equals_reference(case: str, seed: int, count: int, levels: int, geometry: Geometry) -> None:
    """The same boxes, in the same order and within 1e-4 pixels, ties, empty boxes and the cap included."""
    make, shapes, operation = CASES[case]
    outputs = make(np.random.default_rng(seed), count, levels)
    found, want = answered(After(boxes=operation), outputs, geometry=geometry, shapes=shapes)
    for answers in found:
        check(answers, want, rtol=1e-6, atol=1e-4)
    limits = np.tile(geometry.frame, 2)
    assert ((want["boxes"] >= 0) & (want["boxes"] <= limits)).all()


def certain(spec: After, outputs: dict[str, Array], geometry: Geometry) -> bool:
    """Whether the decisions stay the same when both thresholds move by a ten-thousandth."""
    assert spec.boxes is not None
    kept = []
    for shift in (-1e-4, 1e-4):
        moved = replace(spec.boxes, iou=spec.boxes.iou + shift, min_score=spec.boxes.min_score + shift)
        kept.append(reference.apply(After(boxes=moved), outputs, (), geometry))
    same = all(np.array_equal(kept[0][name], kept[1][name]) for name in kept[0])
    return same and bool((np.diff(kept[0]["scores"]) < -1e-5).all())


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The same 50 anchors as centre and extents, and as corners."""
    chance = np.random.default_rng(3)
    centre, extent = chance.uniform(0.1, 0.9, (50, 2)), chance.uniform(0.05, 0.4, (50, 2))
    forms = {"centre": [centre, extent], "corners": [centre - extent / 2, centre + extent / 2]}
    directory = tmp_path_factory.mktemp("anchors")
    for form, parts in forms.items():
        np.save(directory / f"{form}.npy", np.concatenate(parts, 1).astype(np.float32))
    return {form: str(directory / f"{form}.npy") for form in forms}


@settings(max_examples=15, deadline=None)
@given(
    case=st.sampled_from([("centre", "xy", "softmax"), ("corners", "xy", "sigmoid"), ("centre", "yx", "sigmoid")]),
    seed=st.integers(0, 2**32 - 1),
    geometry=geometries(),
)
def test_anchored_boxes_equal_the_reference(
    anchors: dict[str, str], case: tuple[str, str, str], seed: int, geometry: Geometry
) -> None:
    """Within 1e-3 pixels and 1e-5: exp and softmax are computed by different libraries."""
    form, order, activation = case
    chance = np.random.default_rng(seed)
    outputs = {
        "offsets": chance.normal(0, 1.5, (1, 50, 4)).astype(np.float32),
        "logits": chance.normal(0, 2, (1, 50, CLASSES + 1)).astype(np.float32),
    }
    operation = Boxes(
        style="ssd",
        source="offsets",
        scores="logits",
        activation=activation,  # type: ignore[arg-type]
        first_class=1,
        anchors=anchors[form],
        anchor_form=form,  # type: ignore[arg-type]
        order=order,  # type: ignore[arg-type]
    )
    spec = After(boxes=operation)
    assume(certain(spec, outputs, geometry))
    found, want = answered(spec, outputs, LABELS, geometry)
    for answers in found:
        check(answers, want, rtol=1e-5, atol=1e-3)


def test_a_v8_box_by_hand() -> None:
    """One box in a letterbox of half scale with bars of 8 pixels above and below: x * 2, (y - 8) * 2."""
    raw = np.zeros((1, 4 + CLASSES, 2), np.float32)
    raw[0, :, 0] = [20, 18, 16, 8, 0.1, 0.9, 0.2]
    geometry = Geometry(pair(0.5, 0.5), pair(0, 8), pair(128, 64), pair(64, 48))
    found, want = answered(After(boxes=Boxes(style="yolo-v8")), {"raw": raw}, LABELS, geometry)
    for answers in (*found, want):
        assert answers["boxes"].tolist() == [[24, 12, 56, 28]]
        assert answers["scores"].tolist() == [np.float32(0.9)]
        assert answers["classes"].tolist() == [1]


def test_anchored_by_hand(tmp_path: Path) -> None:
    """TensorFlow's order: y x h w, variances of a tenth and a fifth."""
    np.save(tmp_path / "a.npy", np.array([[0.5, 0.25, 0.2, 0.1]], np.float32))
    operation = Boxes(style="ssd", source="o", scores="s", anchors=str(tmp_path / "a.npy"), order="yx")
    outputs = {"o": np.array([[[1, 0, 0, 5 * np.log(2)]]], np.float32), "s": np.array([[[0.0, 0.75]]], np.float32)}
    found, want = answered(After(boxes=operation), outputs, geometry=SAME)
    # centre (0.25, 0.52), width 0.2, height 0.2, in 64 x 48 pixels
    for answers in (*found, want):
        np.testing.assert_allclose(answers["boxes"], [[9.6, 20.16, 22.4, 29.76]], rtol=1e-5)
        assert answers["classes"].tolist() == [1]


def test_the_number_of_a_class_is_rounded() -> None:
    raw = np.array([[[0, 0, 8, 8, 0.5, 1.9999]]], np.float32)
    found, want = answered(After(boxes=Boxes(style="yolo-v10")), {"raw": raw})
    for answers in (*found, want):
        assert answers["classes"].tolist() == [2]


def test_thousands_of_boxes_and_eighty_classes() -> None:
    """A full YOLO v8 output at its usual thresholds."""
    chance = np.random.default_rng(1)
    raw = np.concatenate(
        [chance.uniform(0, 640, (2, 8400)), chance.uniform(8, 200, (2, 8400)), chance.random((80, 8400)) ** 60]
    ).astype(np.float32)[None]
    geometry = Geometry(pair(0.5, 0.5), pair(0, 80), pair(1280, 960), pair(640, 640))
    found, want = answered(After(boxes=Boxes(style="yolo-v8")), {"output0": raw}, geometry=geometry)
    assert len(want["boxes"]) == 100
    for answers in found:
        check(answers, want, rtol=1e-6, atol=1e-4)


def test_without_the_geometry_boxes_stay_in_the_model_s_pixels() -> None:
    raw = np.array([[[0, 0, 8, 8, 1, 1]]], np.float32)
    found, want = answered(After(boxes=Boxes(style="yolo-v5")), {"raw": raw})
    for answers in (*found, want):
        assert answers["boxes"].tolist() == [[-4, -4, 4, 4]]
