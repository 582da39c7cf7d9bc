"""Differences of answers, and of their labels."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edge_common.manifest import Answer
from edge_common.tensors import Array
from edgectl.model.errors import ModelError
from edgectl.model.verify.bounds import bounds_for, share
from edgectl.model.verify.classes import classes_of
from edgectl.model.verify.compared import compared
from edgectl.model.verify.gap import gap


@pytest.mark.parametrize(("want", "got", "scaled", "largest"), [
    pytest.param([0.5, 0.25], [0.5, 0.125], 0.125, 0.125, id="below-one-as-it-is"),
    pytest.param([1000.0], [1001.0], 0.001, 1.0, id="above-one-by-size"),
    pytest.param([nan, inf], [nan, inf], 0.0, 0.0, id="nan-equals-nan"),
    pytest.param([1.0], [nan], inf, inf, id="nan-instead-of-a-number"),
    pytest.param([nan], [1.0], inf, inf, id="number-instead-of-nan"),
    pytest.param([inf], [-inf], inf, inf, id="the-other-infinity"),
    pytest.param([inf], [1.0], inf, inf, id="number-instead-of-infinity"),
    pytest.param([], [], 0.0, 0.0, id="empty"),
])  # fmt: skip
def test_gap_of_numbers(want: list[float], got: list[float], scaled: float, largest: float) -> None:
    found = gap(np.array(want), np.array(got))
    assert (found.scaled, found.largest) == (scaled, largest)


def test_gap_of_text_other_types_and_other_shapes() -> None:
    words = np.array(["a", "b"], dtype=object)
    assert gap(words, np.array(["a", "b"])).scaled == 0.0
    assert gap(words, np.array(["a", "c"], dtype=object)).total == 1.0
    assert gap(words, np.array([1, 2])).fault == "want text[2], found int64[2]"
    assert gap(np.zeros((1, 2)), np.zeros(2)).fault == "want float64[1, 2], found float64[2]"
    assert gap(np.array([3]), np.array([3], np.float32)).scaled == 0.0
    assert gap(np.array([True]), np.array([False])).scaled == 1.0


floats = arrays(np.float64, array_shapes(max_dims=2, max_side=4), elements=st.floats(allow_nan=True, width=32))


@given(floats)
def test_what_is_the_same_has_no_gap_and_what_is_moved_has(array: Array) -> None:
    assert gap(array, array.copy()).scaled == 0.0
    if np.isfinite(array).all():
        assert gap(array, array + 2 * np.maximum(1, np.abs(array))).scaled == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize(("outputs", "answer", "names"), [
    pytest.param({"l": np.array([1, 7])}, Answer(label="l"), ["dog", "7"], id="numbers"),
    pytest.param({"l": np.array([1.0])}, Answer(label="l"), ["dog"], id="floats"),
    pytest.param({"l": np.array(["cat"], dtype=object)}, Answer(label="l"), ["cat"], id="words"),
    pytest.param({"p": np.array([[0.1, 0.9], [0.6, 0.4]])}, Answer(probabilities="p"), ["dog", "cat"], id="shares"),
    pytest.param({"p": np.array([[0.2], [0.7]])}, Answer(probabilities="p"), ["cat", "dog"], id="one-column"),
    pytest.param({"p": np.array([0.2, 0.7])}, Answer(probabilities="p"), ["cat", "dog"], id="no-column"),
    pytest.param({"s": np.array([[0.1, 0.9]])}, Answer(scores="s"), ["dog"], id="scores-by-class"),
])  # fmt: skip
def test_classes_however_they_are_said(outputs: dict[str, Array], answer: Answer, names: list[str]) -> None:
    assert classes_of(answer, ("cat", "dog"), outputs) == names


def test_labels_have_no_difference_but_agreement() -> None:
    want, got = ({"label": np.array([0, values])} for values in (1, 200))
    found = compared(Answer(label="label"), (), want, got)
    assert (found.gaps, found.agree, found.total, found.off) == ({}, 1, 2, (0.5, 0.0))


def test_pixels_agree_by_class() -> None:
    want, got = {"m": np.array([[[0, 1], [2, 2]]], np.uint8)}, {"m": np.array([[[0, 1], [2, 1]]], np.uint8)}
    found = compared(Answer(mask="m"), (), want, got)
    assert (found.agree, found.total) == (3, 4)
    assert compared(Answer(mask="m"), (), want, {"m": np.zeros((1, 3, 3))}).agree == 0


def detection(corners: list[list[float]], scores: list[float], classes: list[int]) -> dict[str, Array]:
    return {"b": np.array(corners).reshape(-1, 4), "s": np.array(scores), "c": np.array(classes)}


BOXES = Answer(boxes="b", scores="s", classes="c")
A, B = [0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 40.0, 40.0]


@pytest.mark.parametrize(("got", "agree", "total", "scaled"), [
    pytest.param(detection([B, A], [0.7, 0.9], [1, 0]), 4, 4, 0.0, id="another-order"),
    pytest.param(detection([A], [0.9], [0]), 2, 3, 0.0, id="one-missing"),
    pytest.param(detection([A, B, B], [0.9, 0.7, 0.6], [0, 1, 1]), 4, 5, 0.0, id="one-twice"),
    pytest.param(detection([A, B], [0.9, 0.7], [0, 2]), 2, 4, 0.0, id="another-class"),
    pytest.param(detection([A, [21, 20, 40, 40]], [0.9, 0.5], [0, 1]), 4, 4, 0.2, id="moved-and-weaker"),
    pytest.param(detection([], [], []), 0, 2, 0.0, id="none"),
])  # fmt: skip
def test_boxes_are_compared_with_those_in_the_same_place(
    got: dict[str, Array], agree: int, total: int, scaled: float
) -> None:
    found = compared(BOXES, (), detection([A, B], [0.9, 0.7], [0, 1]), got)
    assert (found.agree, found.total) == (agree, total)
    assert found.off[1] == pytest.approx(scaled)


def test_boxes_that_are_no_boxes() -> None:
    with pytest.raises(ModelError, match=r"want \[n, 4\], \[n\] and \[n\], found \[1, 4\], \[2\] and \[1\]"):
        compared(BOXES, (), detection([A], [0.9, 0.8], [0]), detection([A], [0.9, 0.8], [0]))


@pytest.mark.parametrize(("text", "value"), [
    pytest.param("99.9%", 0.999, id="per-cent"),
    pytest.param("0.5", 0.5, id="share"),
    pytest.param("0", 0.0, id="zero"),
    pytest.param("100%", 1.0, id="all"),
])  # fmt: skip
def test_share(text: str, value: float) -> None:
    assert share("--x", text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "%", "99", "-1%", "nan", "101%", "half"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ModelError, match="--x: want a share"):
        share("--x", text)


def test_bounds_given_are_taken_zero_too() -> None:
    assert bounds_for("detection").max_difference == 1e-2
    assert bounds_for("tabular", 0.0, 0.0, 0.0).max_difference == 0.0
    assert bounds_for("tabular", None, 0.5).min_agreement == 0.5
