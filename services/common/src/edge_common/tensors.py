"""Open Inference Protocol datatypes <-> numpy, in the JSON and the binary form. No silent casts.

BF16 has no numpy type: such tensors are uint16 arrays holding the raw bits. BYTES tensors are object arrays
of str, because ONNX Runtime would store `bytes` as the text "b'..'".
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_common.errors import InvalidInput, StartError

Array = npt.NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "BF16": np.dtype(np.uint16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_ONNX_TYPES = {
    "bool": "BOOL",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
} | {f"{sign}int{bits}": f"{sign}int{bits}".upper() for sign in ("", "u") for bits in (8, 16, 32, 64)}
BINARY_ONLY = frozenset({"FP16", "BF16"})
MAX_ELEMENTS = 2**63 - 1
# Each becomes a Python string while no other thread runs: so many empty ones take half a second. At four bytes each,
# a body of 16 MiB could bring four times as many.
MAX_BYTES_ELEMENTS = 1_000_000

_INTS: frozenset[type] = frozenset({int})
_FLOATS: frozenset[type] = frozenset({int, float, type(None)})
_JSON_TYPES: dict[str, frozenset[type]] = {
    "BOOL": frozenset({bool}),
    "BYTES": frozenset({str}),
    "FP32": _FLOATS,
    "FP64": _FLOATS,
}
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model; -1 in `shape` accepts any extent on that axis."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def check(self, datatype: str, shape: Sequence[int]) -> None:
        """Raise InvalidInput unless `datatype` and `shape` fit this tensor."""
        if datatype != self.datatype:
            raise InvalidInput(f"input '{self.name}': want datatype {self.datatype}, got {datatype}")
        if not self.accepts(shape):
            raise InvalidInput(f"input '{self.name}': want shape {list(self.shape)}, got {list(shape)}")

    def accepts(self, shape: Sequence[int]) -> bool:
        """Return whether an array of `shape` fits this tensor."""
        if len(shape) != len(self.shape):
            return False
        # `strict` would cost every request a fifth of a microsecond to learn what the line above has told, and a
        # generator in all() more.
        for want, got in zip(self.shape, shape):  # noqa: B905, SIM110
            if want != got and want != -1:
                return False
        return True

    def holds(self, array: Array) -> bool:
        """Return whether type and shape of `array` fit this tensor."""
        return array.dtype == DTYPES[self.datatype] and self.accepts(array.shape)


def graph_tensor(name: str, kind: str, shape: Sequence[Any]) -> TensorSpec:
    """Return the tensor that ONNX Runtime describes as `kind`, e.g. "tensor(float)", with named dims as -1.

    Raises:
        StartError: not a tensor the protocol knows (a sequence, a map, a 4-bit type).
    """
    datatype = _ONNX_TYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
    if datatype is None:
        raise StartError(f"'{name}': the type {kind} cannot be served; want a tensor of a protocol type")
    return TensorSpec(name, datatype, tuple(dim if isinstance(dim, int) and dim >= 0 else -1 for dim in shape))


def element_count(name: str, shape: Any) -> int:
    """Return the number of elements of a client's `shape`; nothing is allocated."""
    if type(shape) is not list or not set(map(type, shape)) <= _INTS:
        raise InvalidInput(f"input '{name}': shape must be a list of whole numbers, got {_show(shape)}")
    count = math.prod(shape)
    if shape and min(shape) < 0:
        raise InvalidInput(f"input '{name}': negative dimension in shape {_show(shape)}")
    # numpy refuses large dims beside a 0 as well; eight bytes are the widest element.
    if count > MAX_ELEMENTS or (not count and math.prod(dim or 1 for dim in shape) * 8 > MAX_ELEMENTS):
        raise InvalidInput(f"input '{name}': shape {_show(shape)} has more than 2**63-1 elements")
    return count


def from_json(spec: TensorSpec, shape: list[int], data: Any) -> Array:
    """Return the array of a checked `shape` from flat or nested JSON `data`.

    Raises:
        InvalidInput: wrong element count, nesting, element type, or a number out of the type's range.
    """
    name, datatype = spec.name, spec.datatype
    if datatype in BINARY_ONLY:
        raise InvalidInput(f"input '{name}': {datatype} has no JSON form; send it with binary_data_size")
    flat, kinds = _flatten(name, shape, data)
    if len(flat) != math.prod(shape):
        raise InvalidInput(f"input '{name}': want {math.prod(shape)} elements for shape {shape}, got {len(flat)}")
    wanted = _JSON_TYPES.get(datatype, _INTS)
    if not kinds <= wanted:
        found = next(v for v in flat if type(v) not in wanted)
        raise InvalidInput(f"input '{name}': want {datatype} elements, got {_show(found)}")
    try:
        return _pack(datatype, flat, type(None) in kinds).reshape(shape)
    except (OverflowError, struct.error):
        raise InvalidInput(f"input '{name}': an element is out of the range of {datatype}") from None


def _pack(datatype: str, flat: list[Any], holes: bool) -> Array:
    """Return a one-dimensional array, NaN for None where there are `holes`.

    Raises:
        OverflowError, struct.error: an element that the type cannot hold.
    """
    if datatype == "FP32" and not holes:
        # numpy would turn 1e39 into Infinity in silence; struct refuses it, and is the faster of the two.
        return np.frombuffer(struct.pack(f"={len(flat)}f", *flat), np.float32)
    if datatype == "FP32":
        finite = [0.0 if value is None else value for value in flat]
        struct.pack(f"={len(flat)}f", *finite)
    return np.array(flat, dtype=DTYPES[datatype])


def _flatten(name: str, shape: list[int], data: Any) -> tuple[list[Any], set[type]]:
    """Return the elements of flat or nested `data` in a row, and the types found among them."""
    if type(data) is not list:
        if shape:
            raise InvalidInput(f"input '{name}': data must be a list, got {_show(data)}")
        return [data], {type(data)}
    kinds = set(map(type, data))
    for axis in range(1, len(shape)):
        if list not in kinds:
            break
        if kinds != {list} or set(map(len, data)) != {shape[axis]} or len(data) != math.prod(shape[:axis]):
            raise InvalidInput(f"input '{name}': nested data does not have the shape {shape}")
        data = list(itertools.chain.from_iterable(data))
        kinds = set(map(type, data))
    return data, kinds


def from_binary(spec: TensorSpec, shape: list[int], raw: memoryview) -> Array:
    """Return the array of a checked `shape` over `raw` (little-endian, row-major) without a copy.

    BYTES elements are 4-byte little-endian lengths, each followed by that much UTF-8; at most MAX_BYTES_ELEMENTS.
    """
    count = math.prod(shape)
    if spec.datatype == "BYTES":
        return _strings(spec.name, count, raw).reshape(shape)
    dtype = DTYPES[spec.datatype]
    if raw.nbytes != count * dtype.itemsize:
        raise InvalidInput(
            f"input '{spec.name}': want {count * dtype.itemsize} bytes for {spec.datatype}{shape}, got {raw.nbytes}"
        )
    if spec.datatype == "BOOL" and raw.nbytes and np.frombuffer(raw, np.uint8).max() > 1:
        raise InvalidInput(f"input '{spec.name}': BOOL bytes must be 0 or 1")
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def _strings(name: str, count: int, raw: memoryview) -> Array:
    # Each element takes at least its length field, so a count that cannot fit allocates nothing.
    if count * 4 > raw.nbytes:
        raise InvalidInput(f"input '{name}': {raw.nbytes} bytes cannot hold {count} BYTES elements")
    if count > MAX_BYTES_ELEMENTS:
        raise InvalidInput(f"input '{name}': want at most {MAX_BYTES_ELEMENTS} BYTES elements, got {count}")
    values, offset = [], 0
    for index in range(count):
        if offset + 4 > raw.nbytes:
            raise InvalidInput(f"input '{name}': BYTES data ends before element {index} of {count}")
        start = offset + 4
        offset = start + _LENGTH.unpack_from(raw, offset)[0]
        if offset > raw.nbytes:
            raise InvalidInput(f"input '{name}': BYTES element {index} is longer than the data that came")
        values.append(text_of(name, raw[start:offset]))
    if offset != raw.nbytes:
        raise InvalidInput(f"input '{name}': {raw.nbytes - offset} bytes follow the last BYTES element")
    array = np.empty(count, dtype=np.object_)
    array[:] = values
    return array


def text_of(name: str, raw: memoryview) -> str:
    """Return `raw` as text, or raise InvalidInput when it is not UTF-8."""
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"input '{name}': a BYTES element is not UTF-8 (byte {exc.start})") from None


def to_json(array: Array, datatype: str) -> Any:
    """Return flat, row-major data that orjson writes (with OPT_SERIALIZE_NUMPY); NaN and Infinity become null."""
    if datatype == "BYTES":
        return [v if isinstance(v, str) else str(v) for v in array.ravel()]
    return array.ravel()


def to_binary(array: Array, datatype: str) -> bytes | memoryview:
    """Return the little-endian, row-major bytes of `array`: a view where the memory allows it."""
    if datatype == "BYTES":
        parts = [str(v).encode() for v in array.ravel()]
        return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))
    if not array.size:
        return b""
    return array.ravel().view(np.uint8).data


def _show(value: Any, limit: int = 60) -> str:
    """A short form of a client's value for an error text; bounded, since a client chose it."""
    text = repr(value[:8] if isinstance(value, list | str) else value)
    return text if len(text) <= limit else text[:limit] + "..."
