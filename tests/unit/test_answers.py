"""What the outputs mean: the model's own label wins, and what it does not say is not made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge_common.answers import MAX_CLASSES, OTHER, counted, predictions, series_names, shares
from edge_common.manifest import Answer

LABELS = ("ok", "alarm", "odd, or so")
SHARES = np.array([[0.7, 0.3, 0.0], [0.1, 0.2, 0.7]], np.float32)
INTS = np.array([1, 2], np.int64)
TEXTS = np.array(["alarm", "nowhere"], object)
BOXES = np.zeros((2, 4), np.float32)


@pytest.mark.parametrize(
    ("answer", "outputs", "wanted"),
    [
        pytest.param({"probabilities": "p"}, {"p": SHARES}, [("ok", 0.7), ("odd, or so", 0.7)], id="largest-share"),
        pytest.param(
            {"label": "l", "probabilities": "p"},
            {"l": INTS, "p": SHARES},
            [("alarm", 0.3), ("odd, or so", 0.7)],
            id="own-label",
        ),
        pytest.param({"label": "l"}, {"l": INTS}, [("alarm", None), ("odd, or so", None)], id="label-alone"),
        pytest.param(
            {"label": "l", "probabilities": "p"},
            {"l": TEXTS, "p": SHARES},
            [("alarm", 0.3), ("nowhere", None)],
            id="text-label",
        ),
        pytest.param({"label": "l", "probabilities": "p"}, {"p": SHARES[:1]}, [("ok", 0.7)], id="label-not-asked-for"),
        pytest.param(
            {"label": "l", "score": "a"},
            {"l": INTS, "a": SHARES[:, :1]},
            [("alarm", 0.7), ("odd, or so", 0.1)],
            id="label-and-one-number-a-row",
        ),
        pytest.param(
            {"label": "l", "score": "a"},
            {"l": INTS, "a": SHARES[:1, 0]},
            [("alarm", None), ("odd, or so", None)],
            id="label-and-numbers-of-other-rows",
        ),
        pytest.param({"label": "l"}, {"l": INTS.reshape(2, 1)}, [("alarm", None), ("odd, or so", None)], id="a-column"),
        pytest.param(
            {"boxes": "b", "scores": "s", "classes": "c"},
            {"b": BOXES, "s": SHARES[:, 0], "c": np.array([2.0, 9.0], np.float32)},
            [("odd, or so", 0.7), ("9", 0.1)],
            id="boxes",
        ),
        pytest.param({"boxes": "b", "scores": "s", "classes": "c"}, {"b": BOXES}, [], id="boxes-without-classes"),
        pytest.param({"probabilities": "p"}, {"p": SHARES[:, :0]}, [], id="no-columns"),
        pytest.param({"score": "a"}, {"a": SHARES[:, 0]}, [], id="an-anomaly-has-no-class"),
        pytest.param({}, {"p": SHARES}, [], id="nothing-said"),
    ],
)
def test_predictions(answer: dict[str, str], outputs: dict[str, Any], wanted: list[tuple[str, float | None]]) -> None:
    found = predictions(Answer(**answer), LABELS, outputs)
    assert [label for label, _ in found] == [label for label, _ in wanted]
    assert [score for _, score in found] == pytest.approx([score for _, score in wanted])
    assert predictions(Answer(**answer), LABELS, outputs, 1) == found[:1]


def test_shares_are_those_of_the_rows_asked_for() -> None:
    assert shares(Answer(probabilities="p"), {"p": SHARES}, 1) == [pytest.approx([0.7, 0.3, 0.0])]
    assert shares(Answer(probabilities="p"), {"p": INTS}) == []


def test_what_names_no_class_is_counted_by_its_score() -> None:
    scores = {"a": SHARES[:, :1].astype(np.float64)}
    told = [("", float(share)) for share in SHARES[:, 0]]
    assert counted(Answer(score="a"), LABELS, scores) == told
    assert counted(Answer(score="a"), LABELS, scores, 1) == told[:1]
    assert counted(Answer(probabilities="p"), LABELS, {"p": SHARES}) == predictions(
        Answer(probabilities="p"), LABELS, {"p": SHARES}
    )
    assert counted(Answer(), LABELS, scores) == []


def test_labels_past_the_bound_share_a_name() -> None:
    names = series_names([str(number) for number in range(MAX_CLASSES + 2)])
    assert names[:MAX_CLASSES] == [str(number) for number in range(MAX_CLASSES)] and names[MAX_CLASSES:] == [OTHER] * 2
