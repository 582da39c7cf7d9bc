"""Verification with the frameworks themselves as originals, and the metrics against scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge_common.tensors import Array
from edgectl_support import Run

# Keras still calls numpy as numpy 1 wanted it.
pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn.t accept a copy keyword:DeprecationWarning"),
]


def wronged(model: Any, path: Path) -> Path:
    """Write `model` with the vector of three numbers in it, the last bias, one larger for the last class."""
    found = [each for each in model.graph.initializer if list(each.dims) == [3]]
    assert len(found) == 1
    changed = numpy_helper.to_array(found[0]) + np.array([0, 0, 1], np.float32)
    found[0].CopyFrom(numpy_helper.from_array(changed, found[0].name))
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A small Keras classifier as a file, and its conversion."""
    keras = pytest.importorskip("keras")
    pytest.importorskip("tf2onnx")
    from edgectl.model.convert.open import open_original
    from edgectl.model.convert.options import ConvertOptions
    from edgectl.model.convert.run import convert

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    model = keras.Model(image, layers.Dense(3, activation="softmax", bias_initializer="random_normal")(hidden))
    path = tmp_path_factory.mktemp("keras") / "net.keras"
    model.save(path)
    return path, convert(open_original(str(path), options=ConvertOptions()))


def test_a_keras_conversion_holds_and_a_wrong_one_does_not(run: Run, network: tuple[Path, Any], tmp_path: Path) -> None:
    original, model = network
    output = model.graph.output[0].name
    onnx.save(model, str(tmp_path / "right.onnx"))
    given = ("--answer", f"probabilities={output}", "--samples", 20, "--json")
    code, out, err = run("model", "verify", original, tmp_path / "right.onnx", *given)
    facts = json.loads(out)
    assert code == 0, err
    assert facts["framework"] == "keras" and facts["outputs"][0]["max_scaled"] < 1e-5
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    wrong = wronged(copy, tmp_path / "wrong.onnx")
    code, out, err = run("model", "verify", original, wrong, *given, "--worst", tmp_path / "worst")
    assert code == 1 and "--max-difference" in err and len(list((tmp_path / "worst").glob("*.npz"))) == 5
    assert json.loads(out)["outputs"][0]["max_scaled"] > 0.1


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """A scaler and logistic regression of features whose digits float32 does not hold; rows, and truth by name."""
    pytest.importorskip("skl2onnx")
    joblib = pytest.importorskip("joblib")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1200, 2))
    rows = noise * [5, 30] + [101325, 1.7e9]
    truth = (noise.sum(1) > 0).astype(np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[:200], truth[:200])
    folder = tmp_path_factory.mktemp("sklearn")
    joblib.dump(model, folder / "pump.joblib")
    return folder / "pump.joblib", folder, (model, rows[200:], truth[200:])


@pytest.mark.parametrize(("dtype", "holds"), [
    pytest.param("float64", True, id="float64"),
    pytest.param("float32", False, id="float32-loses-the-digits"),
])  # fmt: skip
def test_scikit_learn_is_given_the_rows_as_they_are(
    run: Run, pump: tuple[Path, Path, Any], tmp_path: Path, dtype: Any, holds: bool
) -> None:
    """A graph fed float32 rows of such features gives other labels than predict does: the trap must show."""
    from edgectl.model.convert.open import open_original
    from edgectl.model.convert.options import ConvertOptions
    from edgectl.model.convert.run import convert

    original, _, (model, rows, truth) = pump
    opened = open_original(str(original), options=ConvertOptions(trust=True, dtype=dtype))
    onnx.save(convert(opened), str(tmp_path / "m.onnx"))
    name = opened.inputs[0].name
    np.savez(tmp_path / "rows.npz", allow_pickle=False, **{name: rows, "labels": truth})
    given = ("--trust", "--inputs", tmp_path / "rows.npz", "--task", "tabular", "--json")
    code, out, err = run("model", "verify", original, tmp_path / "m.onnx", *given)
    facts = json.loads(out)
    assert code == (0 if holds else 1), err
    accuracy = {each["name"]: each for each in facts["metrics"]}["accuracy"]
    assert accuracy["original"] == pytest.approx(float((model.predict(rows) == truth).mean()))
    if not holds:
        assert facts["agreement"]["share"] < 0.99


def test_a_pickle_needs_trust(run: Run, pump: tuple[Path, Path, Any], tmp_path: Path) -> None:
    import onnx_models

    code, _, err = run("model", "verify", pump[0], onnx_models.doubler(tmp_path / "m.onnx"))
    assert code == 2 and "want --trust for a pickle" in err and err.count("\n") == 1


def random_answers() -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    return rng.integers(0, 20, 500).astype(float), rng.random(500) < 0.3


def test_roc_auc_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    from edgectl.model.verify.score import roc_auc

    scores, positive = random_answers()
    assert roc_auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))


def test_mean_iou_is_scikit_learns_jaccard_score() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    from edgectl.model.verify.score_masks import MeanIou

    rng = np.random.default_rng(5)
    true, found = rng.integers(0, 4, (2, 16, 12))
    score = MeanIou("mask", 4, [true])
    score.add(0, {"mask": found[np.newaxis].astype(np.uint8)})
    wanted = metrics.jaccard_score(true.ravel(), found.ravel(), average="macro")
    assert score.value() == pytest.approx(wanted)
