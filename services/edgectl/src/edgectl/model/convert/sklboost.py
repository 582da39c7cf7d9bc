"""XGBoost and LightGBM as steps of a scikit-learn pipeline: skl2onnx learns of onnxmltools' converters."""

from __future__ import annotations

from typing import Any


def register(kind: type[Any]) -> None:
    """Register the scikit-learn class `kind` of XGBoost or LightGBM with skl2onnx, for this process."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator
    from sklearn.base import ClassifierMixin

    classifier = issubclass(kind, ClassifierMixin)
    shapes = (
        shape_calculator.calculate_linear_classifier_output_shapes
        if classifier
        else shape_calculator.calculate_linear_regressor_output_shapes
    )
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]} if classifier else {}
    update_registered_converter(kind, f"Edge{kind.__name__}", shapes, _converter(kind), options=options)


def _converter(kind: type[Any]) -> Any:
    if kind.__module__.startswith("xgboost"):
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

        return convert_xgboost
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    return convert_lightgbm
