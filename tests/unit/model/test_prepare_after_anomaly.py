"""An anomaly score to a decision: the graph equals numpy, and says what scikit-learn says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_common.tensors import Array
from edgectl.model.prepare.after.spec import After, Anomaly
from model_graphs_after import answered, check

LABELS = ("normal", "anomaly")


CASES = [
    (np.float32, (-1, 1), Anomaly(threshold=0.0, anomalous="below")),
    (np.float64, (-1,), Anomaly(threshold=0.1, anomalous="below", flip=True, text=True)),
    (np.float16, (-1, 1), Anomaly(threshold=-0.125, anomalous="above")),
    (np.float32, (-1,), Anomaly(threshold=1e9, anomalous="above", flip=True)),
]


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(CASES), data=st.data())
def test_graph_equals_reference(case: tuple[type, tuple[int, ...], Anomaly], data: st.DataObject) -> None:
    """Bit for bit, NaN, infinities and the threshold itself included."""
    dtype, shape, operation = case
    rows = data.draw(st.integers(0, 8))
    near = st.floats(width=32 if dtype is np.float32 else 16) | st.just(float(dtype(operation.threshold)))
    scores: Array = np.array([data.draw(near) for _ in range(rows)], dtype).reshape(rows, *shape[1:])
    found, want = answered(After(anomaly=operation), {"scores": scores}, LABELS, shapes={"scores": shape})
    for answers in found:
        check(answers, want)


@pytest.mark.parametrize(
    ("anomalous", "flip", "labels"),
    [
        pytest.param("below", False, [1, 0, 0, 1], id="decision-function"),
        pytest.param("below", True, [1, 0, 0, 1], id="turned-round"),
        pytest.param("above", False, [0, 0, 1, 1], id="error"),
        pytest.param("above", True, [0, 0, 1, 1], id="error-turned-round"),
    ],
)
def test_the_threshold_itself_is_normal_and_nan_is_not(anomalous: str, flip: bool, labels: list[int]) -> None:
    spec = After(anomaly=Anomaly(threshold=0.0, anomalous=anomalous, flip=flip))  # type: ignore[arg-type]
    scores = np.array([[-0.1], [0.0], [0.1], [np.nan]], np.float32)
    found, want = answered(spec, {"scores": scores})
    for answers in (*found, want):
        assert answers["label"].tolist() == labels
        np.testing.assert_array_equal(answers["score"], (-scores if flip else scores).ravel())


def test_a_double_keeps_its_digits() -> None:
    spec = After(anomaly=Anomaly(threshold=1.7e9, anomalous="above"))
    found, want = answered(spec, {"s": np.array([1.7e9 + 1, 1.7e9], np.float64)})
    for answers in (*found, want):
        assert answers["label"].tolist() == [1, 0]
        assert answers["score"].dtype == np.float64


def test_the_label_of_the_forest_itself_is_passed_over() -> None:
    """skl2onnx's IsolationForest has `label` (1 and -1) and `scores`."""
    spec = After(anomaly=Anomaly(threshold=0.0, anomalous="below"))
    outputs = {"label": np.array([[1], [-1]]), "scores": np.array([[0.1], [-0.1]], np.float32)}
    found, want = answered(spec, outputs)
    for answers in (*found, want):
        assert answers["label"].tolist() == [0, 1]
