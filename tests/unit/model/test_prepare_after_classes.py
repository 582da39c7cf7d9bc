"""Scores to shares, label and the first few: the graph equals numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_common.tensors import Array
from edgectl.model.prepare.after.spec import After, Classes
from model_graphs_after import answered, check

LABELS = tuple("abcdefg")


def scores(seed: int, rows: int, columns: int, levels: int, dtype: type) -> Array:
    """Logits on so few `levels` that some are equal; some rows far out, where exp would overflow."""
    chance = np.random.default_rng(seed)
    grid = chance.integers(-levels, levels + 1, (rows, columns)) / 4
    return (grid * np.where(chance.random((rows, 1)) < 0.1, 200, 1)).astype(dtype)


CASES = [
    (1, np.float32, Classes(activation="sigmoid", top=2, text=True)),
    (1, np.float32, Classes()),
    (2, np.float64, Classes(activation="softmax", text=True)),
    (7, np.float32, Classes(activation="softmax", top=3)),
    (7, np.float16, Classes(activation="sigmoid", top=7, text=True)),
    (7, np.float32, Classes(top=1)),
]


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(CASES),
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(0, 9),
    levels=st.sampled_from([1, 40, 1000]),
)
def test_graph_equals_reference(case: tuple[int, type, Classes], seed: int, rows: int, levels: int) -> None:
    """Shares within 2e-6 of their value and 3e-7, labels and order equal, ties and overflows included."""
    columns, dtype, operation = case
    outputs = {"logits": scores(seed, rows, columns, levels, dtype)}
    labels = LABELS[: max(columns, 2)]
    found, want = answered(After(classes=operation), outputs, labels, shapes={"logits": (-1, columns)})
    for answers in found:
        check(answers, want, rtol=2e-6, atol=3e-7)


def test_equal_scores_go_to_the_class_of_the_lower_number() -> None:
    spec = After(classes=Classes(top=3))
    found, want = answered(spec, {"p": np.array([[0.2, 0.4, 0.4, 0.0]], np.float32)})
    for answers in (*found, want):
        assert answers["label"].tolist() == [1]
        assert answers["top_labels"].tolist() == [[1, 2, 0]]


def test_one_column_is_the_share_of_the_second_class() -> None:
    spec = After(classes=Classes(text=True))
    found, want = answered(spec, {"p": np.array([[0.75], [0.5]], np.float32)}, ("good", "bad"))
    for answers in (*found, want):
        assert answers["probabilities"].tolist() == [[0.25, 0.75], [0.5, 0.5]]
        assert answers["label"].tolist() == ["bad", "good"]


@pytest.mark.parametrize("name", ["probabilities", "label"])
def test_an_output_that_has_the_name_of_an_answer(name: str) -> None:
    spec = After(classes=Classes(activation="softmax"))
    found, want = answered(spec, {name: np.array([[1.0, 2.0]], np.float32)})
    for answers in found:
        check(answers, want, rtol=1e-6)
