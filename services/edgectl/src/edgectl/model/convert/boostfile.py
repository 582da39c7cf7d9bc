"""What a boosted model is: how many features and classes, and how it predicts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import Array


# LightGBM ends the whole process, without a word, at a file that is cut off before these.
_LIGHTGBM_ENDS = ("end of trees", "end of parameters")


@dataclass(frozen=True, slots=True)
class Trees:
    """`model` is what onnxmltools takes; `predict` gives [N, n] float32 -> [N] or [N, k].

    `labels` are the classes in the order of the columns, empty for a regression of `targets` values.
    """

    model: Any
    features: int
    predict: Callable[[Array], Any]
    labels: Sequence[Any] = ()
    targets: int = 1

    def thresholds(self) -> list[Array]:
        """Return the values that each feature is compared with, or its least and greatest in training."""
        if hasattr(self.model, "dump_model"):
            return _lightgbm_ranges(self.model)
        return _xgboost_thresholds(self.model.get_booster(), self.features)

    @property
    def classes(self) -> bool:
        return bool(self.labels)


def refuse_no_trees(source: str, model: Any) -> None:
    """Raise ModelError for a model of XGBoost that onnxmltools does not convert: no plain trees, or a ranker."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    if not hasattr(booster, "save_config"):
        return
    learner = json.loads(booster.save_config())["learner"]
    if (kind := learner["gradient_booster"]["name"]) != "gbtree":
        raise ModelError(f"{source}: want plain trees, found booster '{kind}'; train with booster='gbtree'")
    if (goal := learner["objective"]["name"]).startswith("rank:"):
        raise ModelError(
            f"{source}: want a classifier or a regressor of XGBoost, found a ranker ('{goal}'); train an XGBRegressor, "
            "or an LGBMRanker of LightGBM"
        )


def xgboost_trees(source: str) -> Trees:
    """Read the file as the scikit-learn class that its objective calls for: that one gives probabilities."""
    import xgboost

    booster = xgboost.Booster(model_file=source)
    refuse_no_trees(source, booster)
    return _of_booster(source, booster, source)


def lightgbm_trees(source: str) -> Trees:
    import lightgbm

    content = Path(source).read_bytes()
    if missing := [end for end in _LIGHTGBM_ENDS if f"\n{end}\n".encode() not in content]:
        raise ModelError(f"{source}: want a whole LightGBM model, found no '{missing[0]}' in it: the file is cut off")
    return _of_lightgbm(source, lightgbm.Booster(model_file=source), ())


def booster_trees(source: str, model: Any, package: str) -> Trees:
    """Return what an unpickled model of `package` is."""
    if package == "lightgbm":
        return _of_lightgbm(source, getattr(model, "booster_", model), list(getattr(model, "classes_", ())))
    import xgboost

    refuse_no_trees(source, model)
    if isinstance(model, xgboost.Booster):
        return _of_booster(source, model, bytearray(model.save_raw("ubj")))
    return _of_xgboost(source, model)


def _lightgbm_ranges(booster: Any) -> list[Array]:
    infos = booster.dump_model(num_iteration=1)["feature_infos"]
    found = [infos.get(name, {}) for name in booster.feature_name()]
    return [np.array([info[key] for key in ("min_value", "max_value") if key in info], float) for info in found]


def _xgboost_thresholds(booster: Any, features: int) -> list[Array]:
    names = booster.feature_names or [f"f{i}" for i in range(features)]
    found: dict[str, list[float]] = {name: [] for name in names}
    for tree in booster.get_dump():
        for name, value in re.findall(r"\[([^<\]]+)<([^\]]+)\]", tree):
            found[name].append(float(value))
    return [np.array(found[name], float) for name in names]


def _of_booster(source: str, booster: Any, content: Any) -> Trees:
    import xgboost

    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    model = xgboost.XGBClassifier() if objective.startswith(("binary:", "multi:")) else xgboost.XGBRegressor()
    model.load_model(content)
    return _of_xgboost(source, model)


def _of_xgboost(source: str, model: Any) -> Trees:
    features = int(model.n_features_in_)
    if not hasattr(model, "classes_"):
        shape = np.asarray(model.predict(np.zeros((2, features), np.float32))).shape
        return Trees(model, features, model.predict, (), shape[1] if len(shape) > 1 else 1)
    labels = np.asarray(model.classes_)
    if labels.dtype.kind not in "iu":
        raise ModelError(f"{source}: want classes that are whole numbers, as XGBoost has, found {labels.dtype}")
    return Trees(model, features, model.predict_proba, labels.tolist())


def _of_lightgbm(source: str, booster: Any, labels: Sequence[Any]) -> Trees:
    """The objective says what `predict` gives: shares of classes, or values."""
    text = booster.dump_model(num_iteration=1).get("objective", "")
    features, classes = int(booster.num_feature()), 0
    if text.startswith("binary"):
        classes = 2
    elif text.startswith(("multiclass", "softmax")):
        classes = int(booster.num_model_per_iteration())
    if labels and classes and list(labels) != list(range(classes)):
        raise ModelError(
            f"{source}: want classes 0 to {classes - 1}, as LightGBM's trees know them, found {list(labels)[:5]}; "
            "train on whole numbers and give their names with --labels"
        )
    return Trees(booster, features, booster.predict, range(classes))
