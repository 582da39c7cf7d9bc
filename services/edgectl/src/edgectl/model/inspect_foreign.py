"""What is cheaply known of a model that is no ONNX yet: without its framework, and without running what it holds."""

from __future__ import annotations

import json
import mmap
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Enough for any model's description; its weights are not read.
_MAX_TEXT_BYTES = 64 * 1024 * 1024
# A framework's classes are named at the beginning, before the arrays.
_MAX_CLASSES = 12
_TFLITE_TYPES = {0: "FP32", 1: "FP16", 2: "INT32", 3: "UINT8", 4: "INT64", 5: "BYTES", 6: "BOOL", 7: "INT16", 9: "INT8",
                 10: "FP64", 12: "UINT64", 15: "UINT32", 16: "UINT16"}  # fmt: skip


def foreign_facts(path: Path, kind: str) -> dict[str, Any]:
    """Return what the file of `kind` (of edgectl.model.convert.detect) says of itself; nothing where that is not cheap.

    `inputs` and `outputs` are as of a graph; other keys are lines for a person.
    """
    readers: Mapping[str, Callable[[Path], dict[str, Any]]] = {
        "tflite": _tflite,
        "keras": _keras,
        "pickle": _pickle,
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "skops": _skops,
    }
    try:
        return readers[kind](path) if kind in readers else {}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, zipfile.BadZipFile):
        return {"description": "damaged, or of a version that this does not read"}


def _tensor(name: str, datatype: str, shape: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1 if extent is None else int(extent) for extent in shape]}


def _keras(path: Path) -> dict[str, Any]:
    if not zipfile.is_zipfile(path):
        return {"description": "HDF5; converting it shows its inputs"}
    with zipfile.ZipFile(path) as archive:
        config = json.loads(_entry(archive, "config.json"))
        made_by = json.loads(_entry(archive, "metadata.json")).get("keras_version", "")
    layers = config["config"].get("layers", [])
    inputs = [layer["config"] for layer in layers if layer["class_name"] == "InputLayer"]
    return {
        "producer": f"keras {made_by}",
        "description": f"{config['class_name']} {config['config'].get('name', '')} of {len(layers)} layers".strip(),
        "inputs": [_tensor(each["name"], each.get("dtype", ""), each["batch_shape"]) for each in inputs],
    }


def _skops(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        schema = json.loads(_entry(archive, "schema.json"))
    return {
        "description": f"{schema['__module__']}.{schema['__class__']}",
        "producer": f"skops {schema['_skops_version']}",
    }


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return an entry of the archive that is not too large to be a description; ValueError for one that is."""
    if archive.getinfo(name).file_size > _MAX_TEXT_BYTES:
        raise ValueError(name)
    return archive.read(name)


def _xgboost(path: Path) -> dict[str, Any]:
    head = _text(path)
    if not head.startswith(b'{"'):
        return {"description": "UBJSON; converting it shows its inputs"}
    learner = json.loads(head)["learner"]
    count = int(learner["learner_model_param"]["num_feature"])
    return {
        "description": learner["objective"]["name"],
        "inputs": [_tensor("features", "FP32", (None, count))],
    }


def _lightgbm(path: Path) -> dict[str, Any]:
    head = dict(re.findall(rb"^(\w+)=(.*)$", _text(path).partition(b"\n\n")[0], re.MULTILINE))
    return {
        "description": head[b"objective"].decode(),
        "inputs": [_tensor("features", "FP32", (None, int(head[b"max_feature_idx"]) + 1))],
    }


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_TEXT_BYTES)


def _pickle(path: Path) -> dict[str, Any]:
    """Name the classes in it: reading the opcodes runs none of them."""
    found = list(dict.fromkeys(_classes(_text(path))))
    return {
        "description": "not opened: unpickling runs the code in it; convert it with --trust where you know its maker",
        "classes": found[:_MAX_CLASSES],
    }


def _classes(raw: bytes) -> Iterator[str]:
    """Yield "module.Class" as the opcodes name them, until one that is none: joblib puts bare arrays in between."""
    # `top` is the text that the last opcode pushed, None for anything else; `memo` what later ones may push again.
    texts: list[str] = []
    memo: dict[int, str | None] = {}
    top: str | None = None
    try:
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name == "MEMOIZE":
                memo[len(memo)] = top
                continue
            if opcode.name.endswith("PUT"):
                memo[int(argument or 0)] = top
                continue
            if opcode.name == "GLOBAL":
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:])
            top = memo.get(int(argument or 0)) if opcode.name.endswith("GET") else None
            if opcode.name.endswith("UNICODE"):
                top = str(argument)
            texts += [top] if top is not None else []
    except (ValueError, UnicodeDecodeError, IndexError):
        return


def _tflite(path: Path) -> dict[str, Any]:
    """Read the first subgraph's inputs and outputs: slots as of TensorFlow's schema.fbs."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        model = _Table(raw, int.from_bytes(raw[:4], "little"))
        graph = list(model.tables(2))[0]  # noqa: RUF015 - IndexError, where next() would end whoever iterates
        tensors = list(graph.tables(0))
        inputs, outputs = ([_tflite_tensor(tensors[i]) for i in graph.ints(slot)] for slot in (1, 2))
        return {"description": model.text(3), "inputs": inputs, "outputs": outputs}


def _tflite_tensor(tensor: _Table) -> dict[str, Any]:
    # shape_signature has -1 for what is free, and is there only then.
    return _tensor(tensor.text(3), _TFLITE_TYPES.get(tensor.byte(1), "?"), tensor.ints(7) or tensor.ints(0))


class _Table:
    """A table of a FlatBuffer; a slot that is not there reads as empty."""

    def __init__(self, raw: mmap.mmap, at: int) -> None:
        self._raw, self._at = raw, at

    def _number(self, at: int, size: int, signed: bool = False) -> int:
        if not 0 <= at <= len(self._raw) - size:
            raise IndexError(at)
        return int.from_bytes(self._raw[at : at + size], "little", signed=signed)

    def _field(self, slot: int) -> int:
        """Return where the slot's value lies, 0 when it is not there."""
        table = self._at - self._number(self._at, 4, signed=True)
        offset = 4 + 2 * slot
        found = self._number(table + offset, 2) if offset < self._number(table, 2) else 0
        return self._at + found if found else 0

    def _vector(self, slot: int) -> tuple[int, int]:
        """Return where the elements begin, and how many they are."""
        field = self._field(slot)
        if not field:
            return 0, 0
        start = field + self._number(field, 4)
        return start + 4, self._number(start, 4)

    def byte(self, slot: int) -> int:
        field = self._field(slot)
        return self._number(field, 1) if field else 0

    def ints(self, slot: int) -> list[int]:
        start, count = self._vector(slot)
        return [self._number(start + 4 * index, 4, signed=True) for index in range(count)]

    def text(self, slot: int) -> str:
        start, count = self._vector(slot)
        return self._raw[start : start + count].decode(errors="replace")

    def tables(self, slot: int) -> Iterator[_Table]:
        start, count = self._vector(slot)
        for at in range(start, start + 4 * count, 4):
            yield _Table(self._raw, at + self._number(at, 4))
