"""The Open Inference Protocol's infer message: bytes <-> arrays. Pure; every fault is the client's, and is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from edge_common.errors import InvalidInput
from edge_common.tensors import (
    BINARY_ONLY,
    DTYPES,
    Array,
    TensorSpec,
    element_count,
    from_binary,
    from_json,
    text_of,
    to_binary,
    to_json,
)
from edge_inference.jsonbody import LARGE_BYTES, JsonReader, kind, parse

_JSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_NO_TAIL = memoryview(b"")
_MAX_MICROSECONDS = 10**18


class OutputRequest(NamedTuple):
    """One output the client wants, and whether in the binary form."""

    name: str
    binary: bool


class InferRequest(NamedTuple):
    """A decoded request; `timeout_s` is the client's own deadline, counted from arrival."""

    id: str | None
    inputs: dict[str, Array]
    outputs: tuple[OutputRequest, ...]
    timeout_s: float | None


class Decoder:
    """Decode infer requests for one model's inputs and outputs."""

    def __init__(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], json: JsonReader) -> None:
        self._json = json
        self._inputs = {spec.name: spec for spec in inputs}
        self._outputs = {spec.name: spec for spec in outputs}
        self._all_json = tuple(OutputRequest(spec.name, False) for spec in outputs)
        self._all_binary = tuple(OutputRequest(spec.name, True) for spec in outputs)

    def names(self, outputs: tuple[OutputRequest, ...]) -> list[str] | None:
        """Return the wanted outputs' names, None when they are simply all."""
        if outputs is self._all_json or outputs is self._all_binary:
            return None
        return [wanted.name for wanted in outputs]

    def decode(self, body: bytes, header_length: str | None) -> InferRequest:
        """Return the request; `header_length` is Inference-Header-Content-Length, which alone announces a tail.

        Raises:
            InvalidInput: anything the contract lists under 400.
        """
        if header_length is None:
            if len(body) <= LARGE_BYTES:
                return self._message(parse(body), _NO_TAIL)
            with self._json.turn(len(body)):
                return self._message(parse(body), _NO_TAIL)
        size = _header_size(header_length, len(body))
        if size == 0:
            return self._raw(memoryview(body))
        with self._json.turn(size):
            return self._message(parse(body[:size]), memoryview(body)[size:])

    def _raw(self, tail: memoryview) -> InferRequest:
        if len(self._inputs) != 1:
            raise InvalidInput(f"a raw request needs a model with one input; this one has {len(self._inputs)}")
        spec = next(iter(self._inputs.values()))
        shape = _raw_shape(spec, tail.nbytes)
        if spec.datatype == "BYTES":
            array = from_json(spec, shape, [text_of(spec.name, tail)])
        else:
            array = from_binary(spec, shape, tail)
        # Who sends raw bytes reads raw bytes, as with Triton.
        return InferRequest(None, {spec.name: array}, self._all_binary, None)

    def _message(self, message: Any, tail: memoryview) -> InferRequest:
        if type(message) is not dict:
            raise InvalidInput(f"body: want a JSON object, got {kind(message)}")
        request_id = message.get("id")
        if request_id is not None and type(request_id) is not str:
            raise InvalidInput(f"id: want a string, got {kind(request_id)}")
        parameters = _parameters(message, "request")
        timeout_s = _timeout(parameters.get("timeout"))
        return InferRequest(
            request_id,
            self._decode_inputs(message.get("inputs"), tail),
            self._decode_outputs(message.get("outputs"), _bool(parameters, "binary_data_output", False)),
            timeout_s,
        )

    def _decode_inputs(self, entries: Any, tail: memoryview) -> dict[str, Array]:
        if type(entries) is not list:
            raise InvalidInput(f"inputs: want a list, got {kind(entries)}")
        arrays: dict[str, Array] = {}
        used = 0
        for entry in entries:
            spec, shape = self._declared(entry, arrays)
            size = _binary_size(entry, spec)
            if size is None:
                if "data" not in entry:
                    raise InvalidInput(f"input '{spec.name}': neither data nor binary_data_size is there")
                arrays[spec.name] = from_json(spec, shape, entry["data"])
                continue
            if used + size > tail.nbytes:
                raise InvalidInput(
                    f"input '{spec.name}': binary_data_size {size}, but {tail.nbytes - used} bytes are left"
                )
            arrays[spec.name] = from_binary(spec, shape, tail[used : used + size])
            used += size
        if used != tail.nbytes:
            raise InvalidInput(f"{tail.nbytes - used} bytes follow the last binary input")
        missing = self._inputs.keys() - arrays.keys()
        if missing:
            raise InvalidInput(f"missing inputs: {sorted(missing)}")
        return arrays

    def _declared(self, entry: Any, seen: Mapping[str, Array]) -> tuple[TensorSpec, list[int]]:
        name = _name(entry, "input")
        spec = self._inputs.get(name)
        if spec is None:
            raise InvalidInput(f"unknown input {name[:100]!r}: this model has {sorted(self._inputs)}")
        if name in seen:
            raise InvalidInput(f"input '{name}' is there twice")
        datatype, shape = entry.get("datatype"), entry.get("shape")
        if type(datatype) is not str:
            raise InvalidInput(f"input '{name}': datatype must be a string, got {kind(datatype)}")
        element_count(name, shape)
        spec.check(datatype[:20], shape)
        return spec, shape

    def _decode_outputs(self, entries: Any, binary: bool) -> tuple[OutputRequest, ...]:
        # tritonclient sends an empty list for "all of them".
        if entries is None or entries == []:
            return self._checked(self._all_binary if binary else self._all_json)
        if type(entries) is not list:
            raise InvalidInput(f"outputs: want a list, got {kind(entries)}")
        wanted: dict[str, OutputRequest] = {}
        for entry in entries:
            name = _name(entry, "output")
            if name not in self._outputs:
                raise InvalidInput(f"unknown output {name[:100]!r}: this model has {sorted(self._outputs)}")
            if name in wanted:
                raise InvalidInput(f"output '{name}' is there twice")
            parameters = _parameters(entry, f"output '{name}'")
            wanted[name] = OutputRequest(name, _bool(parameters, "binary_data", binary))
        return self._checked(tuple(wanted.values()))

    def _checked(self, wanted: tuple[OutputRequest, ...]) -> tuple[OutputRequest, ...]:
        for output in wanted:
            datatype = self._outputs[output.name].datatype
            if datatype in BINARY_ONLY and not output.binary:
                raise InvalidInput(f"output '{output.name}': {datatype} has no JSON form; ask for binary_data")
        return wanted


class Encoder:
    """Encode answers of one model version."""

    def __init__(self, name: str, version: str, outputs: Sequence[TensorSpec]) -> None:
        self._head = {"model_name": name, "model_version": version}
        self._datatypes = {spec.name: spec.datatype for spec in outputs}

    def encode(self, request: InferRequest, arrays: Iterable[Array]) -> tuple[int | None, list[Any]]:
        """Return (length of the JSON part or None when there is no tail, pieces of the body).

        Binary tensors stay views of the model's own memory; the transport's join is their only copy.
        """
        answer: dict[str, Any] = dict(self._head)
        if request.id is not None:
            answer["id"] = request.id
        tail: list[Any] = []
        answer["outputs"] = [
            self._output(wanted, array, tail) for wanted, array in zip(request.outputs, arrays, strict=True)
        ]
        head = orjson.dumps(answer, option=_JSON_OPTIONS)
        if any(wanted.binary for wanted in request.outputs):
            return len(head), [head, *tail]
        return None, [head]

    def _output(self, wanted: OutputRequest, array: Array, tail: list[Any]) -> dict[str, Any]:
        datatype = self._datatypes[wanted.name]
        entry: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": array.shape}
        if wanted.binary:
            piece = to_binary(array, datatype)
            tail.append(piece)
            entry["parameters"] = {"binary_data_size": len(piece)}
        else:
            entry["data"] = to_json(array, datatype)
        return entry


def _header_size(text: str, body: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InvalidInput(f"Inference-Header-Content-Length: want a whole number, got {text[:40]!r}")
    if int(text) > body:
        raise InvalidInput(f"Inference-Header-Content-Length {int(text)} is more than the body's {body} bytes")
    return int(text)


def _raw_shape(spec: TensorSpec, size: int) -> list[int]:
    """Infer the one variable dimension of a raw request from its size."""
    if spec.datatype == "BYTES":
        return [1] * len(spec.shape)
    itemsize, fixed, variable = DTYPES[spec.datatype].itemsize, 1, spec.shape.count(-1)
    for dim in spec.shape:
        fixed *= dim if dim >= 0 else 1
    if variable > 1:
        raise InvalidInput(f"input '{spec.name}': a raw request cannot tell the shape {list(spec.shape)}")
    row = itemsize * fixed
    if variable and row and size % row:
        raise InvalidInput(f"input '{spec.name}': want a multiple of {row} bytes for {spec.datatype}, got {size}")
    extent = size // row if row else 0
    return [extent if dim < 0 else dim for dim in spec.shape]


def _name(entry: Any, what: str) -> str:
    if type(entry) is not dict:
        raise InvalidInput(f"{what}: want an object, got {kind(entry)}")
    name = entry.get("name")
    if type(name) is not str:
        raise InvalidInput(f"{what}: name must be a string, got {kind(name)}")
    return name


def _parameters(entry: dict[str, Any], where: str) -> dict[str, Any]:
    parameters = entry.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidInput(f"{where}: parameters must be an object, got {kind(parameters)}")
    for key, value in parameters.items():
        if type(value) not in (str, int, float, bool):
            raise InvalidInput(f"{where}: parameter {key[:60]!r} must be a string, number or bool, got {kind(value)}")
    return parameters


def _binary_size(entry: dict[str, Any], spec: TensorSpec) -> int | None:
    size = _parameters(entry, f"input '{spec.name}'").get("binary_data_size")
    if size is None:
        return None
    if "data" in entry:
        raise InvalidInput(f"input '{spec.name}': data and binary_data_size exclude each other")
    if type(size) is not int or size < 0:
        raise InvalidInput(f"input '{spec.name}': binary_data_size must be a whole number, got {size!r:.40}")
    return size


def _bool(parameters: Mapping[str, Any], key: str, default: bool) -> bool:
    value = parameters.get(key, default)
    if type(value) is not bool:
        raise InvalidInput(f"{key}: want true or false, got {kind(value)}")
    return value


def _timeout(value: Any) -> float | None:
    """Triton's `timeout` is in microseconds; 0 means none."""
    if value is None:
        return None
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MAX_MICROSECONDS:
        raise InvalidInput(f"timeout: want whole microseconds, got {value!r:.40}")
    return value * 1e-6 if value else None
