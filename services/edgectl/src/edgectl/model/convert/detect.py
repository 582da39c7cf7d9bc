"""What a source is, told from its content; suffixes decide only between what looks the same."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from edgectl.model.convert.archive import DAMAGED
from edgectl.model.convert.quiet import reason
from edgectl.model.errors import ModelError

# Kind -> the framework, as --framework takes it, and how people call such a thing.
KINDS = {
    "keras": ("keras", "a Keras model"),
    "savedmodel": ("tensorflow", "a TensorFlow SavedModel"),
    "tflite": ("tflite", "a TFLite model"),
    "skops": ("sklearn", "a skops file"),
    "pickle": ("", "a pickle"),
    "xgboost": ("xgboost", "an XGBoost model"),
    "lightgbm": ("lightgbm", "a LightGBM model"),
    "exported": ("torch", "a PyTorch exported program"),
    "torchscript": ("torch", "a TorchScript file"),
    "factory": ("torch", "a PyTorch factory"),
    "onnx": ("onnx", "an ONNX model"),
}
# A pickle may hold a model of any of these: it shows only when it is loaded.
PICKLED = ("sklearn", "xgboost", "lightgbm")
_WANT = (
    "want a model: .keras, .h5, a SavedModel directory, .tflite, .skops, .joblib, .pkl, XGBoost's .json or .ubj, "
    "LightGBM's .txt, PyTorch's .pt2, TorchScript .pt, module:function, or .onnx"
)
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_HEAD = 4096
# zlib, gzip, bzip2, xz, lz4: what joblib compresses with.
_COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d\x18")
_PICKLES = (".joblib", ".pkl", ".pickle", ".gz", ".z", ".bz2", ".xz", ".lz4")


def detect(source: str, wanted: str | None) -> str:
    """Return the kind, a key of KINDS, of `source`.

    Raises:
        ModelError: nothing there, no model, or one of another framework than `wanted`.
    """
    kind = _kind(source)
    framework, words = KINDS[kind]
    if wanted and wanted != framework and not (kind == "pickle" and wanted in PICKLED):
        raise ModelError(f"{source}: want {wanted} as --framework says, found {words}; leave --framework out")
    return kind


def _kind(source: str) -> str:
    path = Path(source)
    try:
        if path.is_dir():
            return _of_directory(path)
        if path.is_file():
            return _of_file(path)
    except OSError as exc:
        raise ModelError(f"{source}: cannot be read: {(exc.strerror or str(exc)).lower()}") from None
    if _FACTORY.fullmatch(source):
        return "factory"
    raise ModelError(f"{source}: no such file{', and no module:function' if ':' in source else ''}")


def _of_directory(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return "savedmodel"
    if (path / "model.toml").is_file():
        raise ModelError(f"{path}: want a model to convert, found a bundle, which is converted already")
    raise ModelError(f"{path}: want a SavedModel, found a directory without saved_model.pb")


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        return _of_zip(path)
    kind = _of_head(head, path.suffix.lower())
    if kind is None:
        found = "an empty file" if not head else "another kind of file"
        raise ModelError(f"{path}: {_WANT}; found {found}")
    return kind


def _of_head(head: bytes, suffix: str) -> str | None:
    if head.startswith(b"\x89HDF"):
        return "keras"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"tree\nversion="):
        return "lightgbm"
    if head.startswith((b"{", b" ", b"\n")) and b"learner" in head:
        return "xgboost"
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return "pickle"
    if suffix in _PICKLES and head.startswith(_COMPRESSED):
        return "pickle"
    # Protobuf has no mark of its own: the first field of an ONNX model is its IR version, but need not be.
    return "onnx" if suffix == ".onnx" and head else None


def _of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGED as exc:
        raise ModelError(
            f"{path}: want a whole zip archive, found a damaged one: {reason(exc)}; save the model again"
        ) from None
    inner = {name.partition("/")[2] for name in names}
    if "config.json" in names and "metadata.json" in names:
        return "keras"
    if "schema.json" in names:
        return "skops"
    if any(name.startswith("models/") and name.endswith(".json") for name in inner):
        return "exported"
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return "torchscript"
    if "data.pkl" in inner:
        raise ModelError(
            f"{path}: want a model with its code, found what torch.save pickled; give module:function that builds the "
            "module and loads these weights (torch.load with weights_only=True), or save it with torch.export.save"
        )
    raise ModelError(f"{path}: {_WANT}; found a zip archive of something else")
