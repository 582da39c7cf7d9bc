"""scikit-learn, XGBoost and LightGBM, really installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_common.bundle import read_bundle
from edge_common.tensors import Array
from edgectl_support import Run

pytestmark = pytest.mark.frameworks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)) * [1, 5, 50] + [0, 3, 100]
Y = (X[:, 0] > 0).astype(int)
Y3 = np.digitize(X[:, 0], [-0.3, 0.3])


def save(model: Any, path: Path) -> Path:
    joblib = pytest.importorskip("joblib")
    skops = pytest.importorskip("skops.io")
    if path.suffix == ".skops":
        skops.dump(model, path)
    else:
        joblib.dump(model, path, compress=3)
    return path


def convert(run: Run, source: object, out: Path, *more: object) -> tuple[int, str, str]:
    return run("model", "convert", source, "--name", "small", "--version", "1.0.0", "--output", out, "--json", *more)


def scaled(last: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), last)


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=8, random_state=0)


def linear() -> Any:
    from sklearn.linear_model import LogisticRegression

    return scaled(LogisticRegression())


def margin() -> Any:
    from sklearn.svm import LinearSVC

    return scaled(LinearSVC())


def isolation() -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(n_estimators=8, random_state=0)


def clusters() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(3, n_init=1, random_state=0)


def scaled_clusters() -> Any:
    return scaled(clusters())


def ridge() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge()


def boosted() -> Any:
    return scaled(pytest.importorskip("xgboost").XGBClassifier(n_estimators=3))


@pytest.mark.parametrize(
    ("made", "target", "outputs"),
    [
        pytest.param(forest, Y3, ["label", "probabilities"], id="forest"),
        pytest.param(forest, np.array(["a", "b", "c"])[Y3], ["label", "probabilities"], id="text-labels"),
        pytest.param(linear, Y, ["label", "probabilities"], id="pipeline"),
        pytest.param(margin, Y, ["label", "scores"], id="no-probabilities"),
        pytest.param(isolation, None, ["label", "scores"], id="isolation-forest"),
        pytest.param(clusters, None, ["label", "scores"], id="clusters"),
        pytest.param(scaled_clusters, None, ["label", "scores"], id="scaled-clusters"),
        pytest.param(ridge, X[:, 0], ["prediction"], id="regression"),
        pytest.param(ridge, X[:, :2], ["prediction"], id="two-targets"),
        pytest.param(boosted, Y, ["label", "probabilities"], id="xgboost-in-pipeline"),
    ],
)
def test_an_estimator_becomes_a_bundle_that_agrees_with_predict(
    run: Run, tmp_path: Path, made: Callable[[], Any], target: Array | None, outputs: list[str]
) -> None:
    source = save(made().fit(X, target), tmp_path / "m.joblib")
    code, out, err = convert(run, source, tmp_path / "small", "--trust")
    assert code == 0, err
    facts = json.loads(out)
    assert [tensor["name"] for tensor in facts["outputs"]] == outputs and facts["parity"]["holds"]
    assert facts["inputs"][0]["shape"] == [-1, 3] and facts["notes"]
    assert read_bundle(tmp_path / "small").source.tools["scikit-learn"]


def test_the_precision_without_disagreement_is_kept_and_the_others_count_told(run: Run, tmp_path: Path) -> None:
    large = X * [5, 0.1, 1] + [101325, 1.7e9, 0]
    source = save(scaled(forest()).fit(large, Y), tmp_path / "m.skops")
    code, out, err = convert(run, source, tmp_path / "small")
    facts = json.loads(out)
    assert code == 0, err
    assert facts["inputs"][0]["datatype"] == "FP64"
    assert facts["notes"][1] == "float64: 0 of 500 answers differ from predict"
    assert int(facts["notes"][0].split()[1]) > 100


def test_real_rows_decide_when_they_are_given(run: Run, tmp_path: Path) -> None:
    source = save(scaled(forest()).fit(X, Y), tmp_path / "m.skops")
    np.savez(tmp_path / "rows.npz", features=X)
    code, out, _ = convert(run, source, tmp_path / "small", "--example", tmp_path / "rows.npz")
    facts = json.loads(out)
    assert code == 0 and facts["notes"][0] == "float32: 0 of 200 answers differ from predict"


def test_a_graph_that_disagrees_is_refused_with_exit_code_1(run: Run, tmp_path: Path) -> None:
    """Bare boosted trees of scikit-learn split float64 values that float32 cannot tell apart, and ONNX has no others."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    large = X * [1, 1, 0.5] + [1.7e9, 0, 0]
    source = save(HistGradientBoostingClassifier(max_iter=5).fit(large, Y), tmp_path / "m.skops")
    code, _, err = convert(run, source, tmp_path / "small")
    assert code == 1 and "answers differ from predict" in err and "want at most 1%" in err
    assert not (tmp_path / "small").exists()


def test_columns_of_text_and_numbers_are_an_input_each(run: Run, tmp_path: Path) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = np.empty((60, 2), object)
    rows[:, 0], rows[:, 1] = RNG.normal(size=60), RNG.choice(["red", "green", "blue"], 60)
    parts = [("n", StandardScaler(), [0]), ("c", OneHotEncoder(handle_unknown="ignore"), [1])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(rows, RNG.integers(0, 2, 60))
    code, out, err = convert(run, save(model, tmp_path / "m.skops"), tmp_path / "small")
    assert code == 0, err
    found = [(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in json.loads(out)["inputs"]]
    assert found == [("column_0", "FP32", [-1, 1]), ("column_1", "BYTES", [-1, 1])]


@pytest.mark.parametrize("made", [clusters, scaled_clusters], ids=["alone", "in-a-pipeline"])
@pytest.mark.parametrize("fitted", ["float32", "float64"])
def test_clusters_are_asked_in_the_precision_they_were_fitted_in(
    run: Run, tmp_path: Path, made: Callable[[], Any], fitted: str
) -> None:
    rows = (X - X.mean(0)) / X.std(0)
    source = save(made().fit(rows.astype(fitted)), tmp_path / "m.joblib")
    code, out, err = convert(run, source, tmp_path / "small", "--trust")
    assert code == 0, err
    lines = [f"{precision}: 0 of 500 answers differ from predict" for precision in ("float32", "float64")]
    assert json.loads(out)["notes"] == lines


def test_columns_chosen_by_name_are_an_input_each_and_run_on_a_table(run: Run, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pandas.DataFrame({"hot": X[:, 0], "wet": X[:, 1], "city": RNG.choice(["x", "y"], 200)})
    parts = [("n", StandardScaler(), ["hot", "wet"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(table, Y)
    code, out, err = convert(run, save(model, tmp_path / "m.skops"), tmp_path / "small")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["parity"]["holds"] and facts["notes"][0] == "float32: 0 of 500 answers differ from predict"
    assert [(i["name"], i["datatype"]) for i in facts["inputs"]] == [
        ("hot", "FP32"),
        ("wet", "FP32"),
        ("city", "BYTES"),
    ]


@pytest.mark.parametrize("named", [False, True], ids=["plain", "named"])
def test_an_encoder_alone_takes_text(run: Run, tmp_path: Path, named: bool) -> None:
    from sklearn.preprocessing import OneHotEncoder

    rows: Any = np.array([["x"], ["y"], ["z"]] * 9, object)
    if named:
        rows = pytest.importorskip("pandas").DataFrame(rows, columns=["features"])
    code, out, err = convert(run, save(OneHotEncoder().fit(rows), tmp_path / "m.skops"), tmp_path / "small")
    assert code == 0, err
    facts = json.loads(out)
    assert facts["inputs"][0]["datatype"] == "BYTES" and facts["outputs"][0]["shape"] == [-1, 3]
    assert facts["parity"]["holds"]


def test_a_fixed_batch_is_that_of_the_answers_too(run: Run, tmp_path: Path) -> None:
    source = save(linear().fit(X, Y), tmp_path / "m.skops")
    code, out, err = convert(run, source, tmp_path / "small", "--batch", 2)
    facts = json.loads(out)
    assert code == 0, err
    assert [tensor["shape"] for tensor in (*facts["inputs"], *facts["outputs"])] == [[2, 3], [2], [2, 2]]


def test_an_estimator_without_converter_is_named_with_its_step(run: Run, tmp_path: Path) -> None:
    from sklearn.neighbors import NearestCentroid
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    steps = [("scale", StandardScaler()), ("log", FunctionTransformer(np.abs)), ("near", NearestCentroid())]
    source = save(Pipeline(steps).fit(X, Y), tmp_path / "m.joblib")
    code, _, err = convert(run, source, tmp_path / "small", "--trust")
    assert code == 2 and err.count("\n") == 1
    assert "found FunctionTransformer in 'log', NearestCentroid in 'near'" in err


@pytest.mark.parametrize(
    ("made", "more", "told"),
    [
        pytest.param(
            lambda: {"a": 1}, [], "want a model of sklearn, xgboost, lightgbm, found builtins.dict", id="dict"
        ),
        pytest.param(forest, [], "want a fitted estimator", id="not-fitted"),
        pytest.param(lambda: ridge().fit(X, Y), ["--framework", "xgboost"], "found sklearn; leave", id="framework"),
        pytest.param(lambda: ridge().fit(X, Y), ["--shape", "x=1,3"], "want no --shape", id="shape"),
        pytest.param(
            lambda: forest().fit(X, np.stack([Y, 1 - Y], 1)),
            [],
            "want one label per row, found 2 outputs; fit one model each",
            id="two-labels",
        ),
        pytest.param(
            lambda: xgb("XGBClassifier", booster="gblinear").fit(X, Y),
            [],
            "want plain trees, found booster 'gblinear'; train with booster='gbtree'",
            id="gblinear",
        ),
        pytest.param(
            lambda: scaled(xgb("XGBRegressor", booster="dart")).fit(X, X[:, 0]),
            [],
            "want plain trees, found booster 'dart'",
            id="dart-in-pipeline",
        ),
        pytest.param(
            lambda: xgb("XGBRanker").fit(X, Y, group=[100, 100]),
            [],
            "found a ranker ('rank:ndcg'); train an XGBRegressor",
            id="ranker",
        ),
    ],
)
def test_bad_pickles_are_one_line(
    run: Run, tmp_path: Path, made: Callable[[], Any], more: list[str], told: str
) -> None:
    code, _, err = convert(run, save(made(), tmp_path / "m.joblib"), tmp_path / "small", "--trust", *more)
    assert code == 2 and told in err and err.count("\n") == 1, err


def test_skops_with_types_of_others_needs_trust(run: Run, tmp_path: Path) -> None:
    source = save(boosted().fit(X, Y), tmp_path / "m.skops")
    code, _, err = convert(run, source, tmp_path / "small")
    assert code == 2 and "xgboost.sklearn.XGBClassifier" in err and "--trust loads them" in err
    assert convert(run, source, tmp_path / "small", "--trust")[0] == 0


def xgb(kind: str, **how: Any) -> Any:
    return getattr(pytest.importorskip("xgboost"), kind)(n_estimators=2, **how)


@pytest.mark.parametrize(
    ("kind", "how", "told"),
    [
        pytest.param("XGBRegressor", {"booster": "dart"}, "want plain trees, found booster 'dart'", id="dart"),
        pytest.param("XGBRanker", {}, "want a classifier or a regressor of XGBoost, found a ranker", id="ranker"),
    ],
)
def test_files_of_xgboost_that_hold_something_else_say_what_to_train(
    run: Run, tmp_path: Path, kind: str, how: dict[str, str], told: str
) -> None:
    more = {"group": [100, 100]} if kind == "XGBRanker" else {}
    xgb(kind, **how).fit(X, Y, **more).save_model(tmp_path / "m.json")
    code, _, err = convert(run, tmp_path / "m.json", tmp_path / "small")
    assert code == 2 and told in err and err.count("\n") == 1, err


def test_a_fixed_batch_of_boosted_trees_is_in_the_graph(run: Run, tmp_path: Path) -> None:
    code, out, err = convert(run, xgboost_file(tmp_path / "m.json", Y), tmp_path / "small", "--batch", 4)
    facts = json.loads(out)
    assert code == 0, err
    assert [tensor["shape"] for tensor in (*facts["inputs"], *facts["outputs"])] == [[4, 3], [4], [4, 2]]


def xgboost_file(path: Path, target: Array) -> Path:
    xgboost = pytest.importorskip("xgboost")
    kind = xgboost.XGBRegressor if target.dtype.kind == "f" else xgboost.XGBClassifier
    kind(n_estimators=4, max_depth=3).fit(X.astype(np.float32), target).save_model(path)
    return path


def lightgbm_file(path: Path, target: Array) -> Path:
    lightgbm = pytest.importorskip("lightgbm")
    kind = lightgbm.LGBMRegressor if target.dtype.kind == "f" else lightgbm.LGBMClassifier
    kind(n_estimators=4, verbose=-1).fit(X, target).booster_.save_model(path)
    return path


@pytest.mark.parametrize(
    ("write", "file", "target"),
    [
        pytest.param(xgboost_file, "m.json", Y, id="xgboost-json-binary"),
        pytest.param(xgboost_file, "m.ubj", Y3, id="xgboost-ubj-multiclass"),
        pytest.param(xgboost_file, "m.ubj", X[:, 0], id="xgboost-regression"),
        pytest.param(lightgbm_file, "m.txt", Y, id="lightgbm-binary"),
        pytest.param(lightgbm_file, "m.txt", Y3, id="lightgbm-multiclass"),
        pytest.param(lightgbm_file, "m.txt", X[:, 0], id="lightgbm-regression"),
    ],
)
def test_boosted_trees_become_a_bundle(
    run: Run, tmp_path: Path, write: Callable[[Path, Array], Path], file: str, target: Array
) -> None:
    code, out, err = convert(run, write(tmp_path / file, target), tmp_path / "small")
    facts = json.loads(out)
    assert code == 0 and facts["parity"]["holds"], err
    wanted = ["prediction"] if target.dtype.kind == "f" else ["label", "probabilities"]
    assert [tensor["name"] for tensor in facts["outputs"]] == wanted


def test_lightgbm_of_other_classes_than_0_to_n_is_refused(run: Run, tmp_path: Path) -> None:
    model = pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=2, verbose=-1)
    source = save(model.fit(X, np.array(["no", "yes"])[Y]), tmp_path / "m.joblib")
    code, _, err = convert(run, source, tmp_path / "small", "--trust")
    assert code == 2 and "want classes 0 to 1" in err and "--labels" in err


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_lightgbm_file_that_is_cut_off_does_not_end_the_process(run: Run, tmp_path: Path, share: float) -> None:
    path = lightgbm_file(tmp_path / "m.txt", Y3)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    code, _, err = convert(run, path, tmp_path / "small")
    assert code == 2 and "the file is cut off" in err and err.count("\n") == 1


def test_text_classes_are_the_bundles_labels_in_the_models_order(run: Run, tmp_path: Path) -> None:
    source = save(linear().fit(X, np.array(["ok", "leak"])[Y]), tmp_path / "m.joblib")
    given = ("--trust", "--task", "tabular")
    code, _, err = convert(run, source, tmp_path / "small", *given)
    assert code == 0, err
    made = read_bundle(tmp_path / "small")
    assert made.labels == ("leak", "ok")
    assert (made.answer.label, made.answer.probabilities) == ("label", "probabilities")
    (tmp_path / "l.txt").write_text("ok\nleak\n")
    code, _, err = convert(run, source, tmp_path / "other", *given, "--labels", tmp_path / "l.txt")
    assert code == 2 and "want the model's own classes in this order, 'leak', 'ok'" in err
    assert not (tmp_path / "other").exists()
