"""An anomaly score made a decision, against scikit-learn's own."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from edgectl.model.prepare.after.spec import After, Anomaly
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.run import prepare

pytestmark = pytest.mark.frameworks


@pytest.mark.parametrize("text", [False, True], ids=["numbers", "text"])
def test_isolation_forest(text: bool) -> None:
    """`label` is 1 where predict says -1, and `score` is decision_function within 1e-6."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    skl2onnx = pytest.importorskip("skl2onnx")
    chance = np.random.default_rng(0)
    forest = ensemble.IsolationForest(n_estimators=20, random_state=0, contamination=0.1)
    forest.fit(chance.normal(0, 1, (300, 3)).astype(np.float32))
    rows = chance.normal(0, 2, (200, 3)).astype(np.float32)
    graph = skl2onnx.to_onnx(forest, rows[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    declared = Declaration(output=After(anomaly=Anomaly(threshold=0.0, anomalous="below", text=text)))
    whole = prepare(graph, declared, ("normal", "anomaly"))
    session = ort.InferenceSession(whole.SerializeToString())
    assert [value.name for value in session.get_outputs()] == ["score", "label", "threshold"]
    score, label, threshold = session.run(None, {session.get_inputs()[0].name: rows})
    anomalous = forest.predict(rows) == -1
    assert 0 < anomalous.sum() < len(rows)
    assert label.tolist() == [("anomaly" if text else 1) if one else ("normal" if text else 0) for one in anomalous]
    np.testing.assert_allclose(score, forest.decision_function(rows), atol=1e-6)
    assert threshold.tolist() == [0]
