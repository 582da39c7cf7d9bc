"""XGBoost and LightGBM by onnxmltools: their own files, and their scikit-learn classes out of pickles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_common.tensors import TensorSpec
from edgectl.model.convert.boostfile import Trees, booster_trees, lightgbm_trees, xgboost_trees
from edgectl.model.convert.classes import plain
from edgectl.model.convert.columns import FEATURES
from edgectl.model.convert.likely import around
from edgectl.model.convert.names import renamed, versions
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework
from edgectl.model.convert.shapes import described, fixed
from edgectl.model.errors import ModelError
from edgectl.model.graphs import BATCH

if TYPE_CHECKING:
    import onnx

    from edge_common.tensors import Array

# onnxmltools' newest for trees.
_OPSET = 15


@dataclass(frozen=True, slots=True)
class BoostModel:
    """Boosted trees: input `features` [N, n]; outputs `label` and `probabilities`, or `prediction` [N, 1]."""

    source: str
    trees: Trees
    framework: str
    inputs: tuple[TensorSpec, ...]
    tools: Mapping[str, str]

    @property
    def classes(self) -> tuple[str | int, ...]:
        """The classes in the order of the probabilities; empty for a regression."""
        return plain(self.trees.labels)

    @property
    def own(self) -> Mapping[str, str]:
        kinds = {"label": "predict", "probabilities": "predict_proba", "prediction": "predict"}
        return {FEATURES: described("X", "float32", [None, self.trees.features]), **kinds}

    def convert(self) -> onnx.ModelProto:
        with framework(f"{self.source}: onnxmltools cannot convert it"):
            model = self._converted()
        names = [value.name for value in model.graph.output]
        wanted = ["label", "probabilities"] if self.trees.classes else ["prediction"]
        model = renamed(model, dict(zip(names, wanted, strict=True)))
        self._declare_shapes(model)
        return fixed(model, self.inputs)

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        with framework(f"{self.source}: {self.framework} cannot run it"):
            found = np.asarray(self.trees.predict(feed[FEATURES]), np.float32)
        if not self.trees.classes:
            return {"prediction": found.reshape(len(found), -1)}
        shares = np.stack([1 - found, found], 1) if found.ndim == 1 else found
        labels = np.asarray(self.trees.labels)[shares.argmax(1)]
        return {"label": labels.astype(object if labels.dtype.kind in "OU" else np.int64), "probabilities": shares}

    def samples(self) -> Iterator[dict[str, Array]]:
        """Yield feeds of rows around the trees' own thresholds: elsewhere every row takes the same branches."""
        rows = around(self.trees.thresholds(), np.random.default_rng(0)).astype(np.float32)
        size = max(1, self.inputs[0].shape[0])
        for start in range(0, len(rows) - size + 1, size):
            yield {FEATURES: rows[start : start + size]}

    def _converted(self) -> onnx.ModelProto:
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        kinds = [(FEATURES, FloatTensorType([None, self.trees.features]))]
        model: onnx.ModelProto
        if self.framework == "xgboost":
            model = onnxmltools.convert_xgboost(self.trees.model, initial_types=kinds, target_opset=_OPSET)
        else:
            model = onnxmltools.convert_lightgbm(
                self.trees.model, initial_types=kinds, zipmap=False, target_opset=_OPSET
            )
        return model

    def _declare_shapes(self, model: onnx.ModelProto) -> None:
        """onnxmltools declares one label for any batch, for one thing; ONNX Runtime warns of it at every run."""
        from onnx import helper

        width = len(self.trees.labels) if self.trees.classes else self.trees.targets
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = BATCH
        for value in model.graph.output:
            dims: list[str | int | None] = [BATCH] if value.name == "label" else [BATCH, width]
            kind = helper.make_tensor_type_proto(value.type.tensor_type.elem_type, dims)
            value.type.CopyFrom(kind)


def open_xgboost(source: str, options: ConvertOptions) -> BoostModel:
    """Return the model of XGBoost's own .json or .ubj."""
    with framework(f"{source}: XGBoost cannot load it"):
        trees = xgboost_trees(source)
    return _opened(source, trees, "xgboost", options)


def open_lightgbm(source: str, options: ConvertOptions) -> BoostModel:
    """Return the model of LightGBM's own text file."""
    with framework(f"{source}: LightGBM cannot load it"):
        trees = lightgbm_trees(source)
    return _opened(source, trees, "lightgbm", options)


def open_estimator(source: str, model: Any, package: str, options: ConvertOptions) -> BoostModel:
    """Return the model that is an XGBClassifier, a Booster, an LGBMRegressor or the like."""
    with framework(f"{source}: {package} cannot use it"):
        trees = booster_trees(source, model, package)
    return _opened(source, trees, package, options)


def _opened(source: str, trees: Trees, package: str, options: ConvertOptions) -> BoostModel:
    if options.dtype == "float64":
        raise ModelError(f"{source}: --dtype: want float32, as {package} computes, found float64")
    if options.shapes:
        raise ModelError(f"{source}: want no --shape, as the model knows its {trees.features} features; found one")
    spec = TensorSpec(FEATURES, "FP32", (options.batch or -1, trees.features))
    return BoostModel(source, trees, package, (spec,), versions([package, "onnxmltools", "skl2onnx"]))
