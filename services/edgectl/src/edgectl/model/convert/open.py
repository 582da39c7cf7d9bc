"""A file, directory or `module:function` becomes an Original of the framework that it is of."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, cast

from edgectl.model.convert.detect import detect
from edgectl.model.errors import ModelError
from edgectl.model.extras import how_to_install

if TYPE_CHECKING:
    from edgectl.model.convert.options import ConvertOptions
    from edgectl.model.convert.source import Original

# Kind -> its module, which has open_<kind>(source, options); the extra; what of it must be importable.
_KINDS = {
    "keras": ("keras", "keras", ("tensorflow", "keras", "tf2onnx")),
    "savedmodel": ("savedmodel", "keras", ("tensorflow", "tf2onnx")),
    "tflite": ("tflite", "tflite", ("tensorflow", "tf2onnx", "ai_edge_litert")),
    "skops": ("pickled", "sklearn", ("sklearn", "skl2onnx", "skops")),
    # Trust comes first, then joblib, then what is found in it.
    "pickle": ("pickled", "sklearn", ()),
    "xgboost": ("boost", "xgboost", ("xgboost", "onnxmltools", "skl2onnx")),
    "lightgbm": ("boost", "lightgbm", ("lightgbm", "onnxmltools", "skl2onnx")),
    "exported": ("torch", "torch", ("torch", "onnxscript")),
    "torchscript": ("torch", "torch", ("torch", "onnxscript")),
    "factory": ("torch", "torch", ("torch", "onnxscript")),
    "onnx": ("onnx", "onnx", ()),
}


def open_original(source: str, *, options: ConvertOptions) -> Original:
    """Return the model at `source`: a path, or `module:function` for a PyTorch module that a function makes.

    Raises:
        ModelError: nothing there, no model of a known framework, another framework than `options.framework`, a
            framework that is not installed, or code in it without `options.trust`.
    """
    kind = detect(source, options.framework)
    if options.dtype and kind in ("keras", "savedmodel", "tflite", "exported", "torchscript", "factory"):
        raise ModelError(f"{source}: want no --dtype, which is for scikit-learn, found {options.dtype}; leave it out")
    module, extra, needed = _KINDS[kind]
    require(source, extra, *needed)
    open_kind = getattr(importlib.import_module(f"edgectl.model.convert.{module}"), f"open_{kind}")
    return cast("Original", open_kind(source, options))


def require(source: str, extra: str, *modules: str) -> None:
    """Raise ModelError, which names the extra of edgectl to install, unless all `modules` can be imported."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        want = f"want {' and '.join(missing)} to read it, found no such package"
        raise ModelError(f"{source}: {want}: {how_to_install(extra)}")
