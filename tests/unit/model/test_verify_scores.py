"""The metrics, against values worked out by hand or known from elsewhere."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.verify.boxes import Boxes, iou, matched
from edgectl.model.verify.score import roc_auc
from edgectl.model.verify.score_boxes import MeanPrecision, Truth, average_precision, hits
from edgectl.model.verify.score_masks import MeanIou

BOXES = Answer(boxes="boxes", scores="scores", classes="classes")


@pytest.mark.parametrize(("scores", "positive", "value"), [
    # scikit-learn's own example of roc_auc_score.
    pytest.param([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75, id="known"),
    pytest.param([1, 2, 3], [0, 0, 1], 1.0, id="perfect"),
    pytest.param([3, 2, 1], [0, 0, 1], 0.0, id="reversed"),
    pytest.param([5, 5, 5], [0, 1, 1], 0.5, id="all-equal"),
    pytest.param([1, 2], [1, 1], nan, id="one-kind-only"),
    pytest.param([nan, 2], [0, 1], nan, id="a-nan-answer"),
])  # fmt: skip
def test_roc_auc(scores: list[float], positive: list[int], value: float) -> None:
    assert roc_auc(np.array(scores), np.array(positive, bool)) == pytest.approx(value, nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_roc_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    good, bad = [s for s, p in rows if p], [s for s, p in rows if not p]
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in good for b in bad]
    found = roc_auc(np.array([s for s, _ in rows], float), np.array([p for _, p in rows], bool))
    assert found == pytest.approx(np.mean(wins) if wins else nan, nan_ok=True)


@pytest.mark.parametrize(("found", "wanted", "value"), [
    pytest.param([(0.9, True), (0.8, False), (0.7, True)], 2, (51 + 50 * 2 / 3) / 101, id="one-wrong-between"),
    pytest.param([(0.9, True)], 2, 51 / 101, id="half-found"),
    pytest.param([(0.9, False)], 2, 0.0, id="none-right"),
    pytest.param([], 2, 0.0, id="none-found"),
    pytest.param([(s, True) for s in np.linspace(0.1, 0.9, 10)], 10, 1.0, id="all-right"),
    # 7/10 is a rounding below the step 0.70: pycocotools misses that one too, and figures are to be its own.
    pytest.param([(0.9, True)] * 7, 10, 70 / 101, id="recall-on-a-step"),
    pytest.param([(nan, True)], 1, nan, id="nan"),
])  # fmt: skip
def test_average_precision_at_101_recalls(found: list[tuple[float, bool]], wanted: int, value: float) -> None:
    assert average_precision(found, wanted) == pytest.approx(value, nan_ok=True)


def test_a_box_is_found_once_and_the_strongest_has_it() -> None:
    found = Boxes(np.array([[0, 0, 10, 10], [0, 0, 10, 9]], float), np.array([0.5, 0.9]), ())
    assert hits(found, np.array([[0, 0, 10, 10]], float)) == [(0.9, True), (0.5, False)]


def test_mean_precision_is_over_the_classes_that_there_are() -> None:
    truth = [Truth(np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float), ("cat", "dog"))]
    score = MeanPrecision(BOXES, ("cat", "dog", "cow"), truth)
    boxes = np.array([[0, 0, 10, 10], [20, 20, 24, 24], [50, 50, 60, 60]], np.float32)
    score.add(0, {"boxes": boxes, "scores": np.array([0.9, 0.8, 0.7], np.float32), "classes": np.array([0, 1, 2])})
    assert score.value() == 0.5  # the cat is right, the dog's box overlaps by 0.16, no cow was there to be found


def masks(true: Array, found: Array, classes: int = 3) -> float:
    score = MeanIou("mask", classes, [true])
    score.add(0, {"mask": found[np.newaxis]})
    return score.value()


@pytest.mark.parametrize(("true", "found", "value"), [
    pytest.param([[0, 0], [1, 1]], [[0, 1], [1, 1]], (1 / 2 + 2 / 3) / 2, id="known"),
    pytest.param([[0, 1]], [[0, 1]], 1.0, id="same"),
    pytest.param([[1, 1]], [[0, 2]], 0.0, id="other"),
    pytest.param([[0, -1], [-1, 1]], [[0, 2], [2, 1]], 1.0, id="ignored-pixels"),
    pytest.param([[0, 1]], [[0.2, 0.9]], 1.0, id="floats-are-rounded"),
    pytest.param([[0, 1]], [[0, 77]], 0.5, id="no-class-at-all"),
    pytest.param([[0, 1]], [[0, nan]], 0.5, id="nan-is-no-class"),
    pytest.param([[-1, -1]], [[0, 1]], nan, id="nothing-known"),
])  # fmt: skip
def test_mean_iou(true: list[list[int]], found: list[list[float]], value: float) -> None:
    assert masks(np.array(true), np.array(found)) == pytest.approx(value, nan_ok=True)


def test_a_mask_of_another_size_is_refused_but_filling_is_not() -> None:
    filled = np.full((4, 4), -1)
    filled[:2, :2] = 1
    assert masks(filled, np.ones((2, 2))) == 1.0
    with pytest.raises(ModelError, match=r"want \[2, 2\] as the answer has, found \[4, 4\]"):
        masks(np.ones((4, 4), int), np.ones((2, 2)))
    with pytest.raises(ModelError, match=r"want a mask \[1, h, w\]"):
        MeanIou("mask", 2, [filled]).add(0, {"mask": np.zeros((1, 3, 4, 4))})


def test_iou_of_known_boxes() -> None:
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 5, 5]], float)
    assert iou(boxes, boxes) == pytest.approx(np.array([[1, 1 / 7, 0], [1 / 7, 1, 0], [0, 0, 1]]))
    assert iou(boxes, np.zeros((0, 4))).shape == (3, 0)


corner = st.integers(0, 50)
box = st.tuples(corner, corner, st.integers(1, 30), st.integers(1, 30), st.sampled_from("ab"))


@given(st.lists(box, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_boxes_match_whatever_their_order(rows: list[tuple[int, int, int, int, str]], random: object) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def made(indexes: list[int]) -> Boxes:
        corners = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in (rows[i] for i in indexes)], float)
        return Boxes(corners.reshape(-1, 4), np.zeros(len(indexes)), tuple(rows[i][4] for i in indexes))

    pairs = matched(made(list(range(len(rows)))), made(order))
    assert sorted((i, order[j]) for i, j in pairs) == [(i, i) for i in range(len(rows))]


def test_boxes_of_nan_match_none() -> None:
    broken = Boxes(np.full((1, 4), nan), np.zeros(1), ("a",))
    assert matched(broken, broken) == [] and isnan(broken.corners[0, 0])
