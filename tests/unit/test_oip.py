"""The infer message: what is encoded is decoded again, and no bytes whatever raise anything but InvalidInput."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_common.errors import BodyTooLarge, InvalidInput
from edge_common.tensors import BINARY_ONLY, DTYPES, Array, TensorSpec
from edge_inference.jsonbody import MAX_DEPTH, JsonReader
from edge_inference.oip import Decoder, Encoder, InferRequest, OutputRequest

READER = JsonReader(2**20)
X, S = TensorSpec("x", "FP32", (-1, 2)), TensorSpec("s", "BYTES", (-1,))
DOUBLER = Decoder([X], [TensorSpec("y", "FP32", (-1, 2)), TensorSpec("h", "FP16", (-1,))], READER)
BOTH = Decoder([X, S], [TensorSpec("y", "FP32", (-1, 2))], READER)
ONLY_Y: dict[str, Any] = {"outputs": [{"name": "y"}]}


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def doubled() -> dict[str, Any]:
    return {"inputs": [tensor("x", "FP32", [1, 2], [1.0, 2.0])]}


def decode(message: Any, tail: bytes = b"", decoder: Decoder = DOUBLER) -> InferRequest:
    head = message if isinstance(message, bytes) else orjson.dumps(message)
    return decoder.decode(head + tail, str(len(head)) if tail else None)


def values(datatype: str, shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    if datatype == "BYTES":
        text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
        return hnp.arrays(np.dtype(object), shape, elements=text, fill=st.nothing())
    finite = {"allow_nan": False, "allow_infinity": False} if datatype in ("FP32", "FP64") else None
    return hnp.arrays(DTYPES[datatype], shape, elements=finite)


@given(data=st.data())
def test_what_is_encoded_is_decoded(data: st.DataObject) -> None:
    """An answer of one server is the request of the next: any mix of types, forms and shapes."""
    kinds = data.draw(st.lists(st.sampled_from(sorted(DTYPES)), max_size=4))
    shapes = [data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)) for _ in kinds]
    arrays = [data.draw(values(kind, shape)) for kind, shape in zip(kinds, shapes, strict=True)]
    specs = [
        TensorSpec(f"t{i}", kind, (-1,) * len(shape)) for i, (kind, shape) in enumerate(zip(kinds, shapes, strict=True))
    ]
    wanted = tuple(OutputRequest(s.name, s.datatype in BINARY_ONLY or data.draw(st.booleans())) for s in specs)
    size, pieces = Encoder("m", "1", specs).encode(InferRequest("i-1", {}, wanted, None), arrays)
    body = b"".join(pieces)
    message = orjson.loads(body[:size])
    assert (message["model_name"], message["model_version"], message["id"]) == ("m", "1", "i-1")
    head = orjson.dumps({"id": message["id"], "inputs": message["outputs"]})
    read = Decoder(specs, [], READER).decode(head + body[size:] if size else head, str(len(head)) if size else None)
    assert read.id == "i-1"
    for spec, array in zip(specs, arrays, strict=True):
        got = read.inputs[spec.name]
        assert got.shape == array.shape
        assert got.tolist() == array.tolist() if spec.datatype == "BYTES" else got.tobytes() == array.tobytes()


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@given(body=st.binary(max_size=200), header=st.none() | st.text(max_size=12) | st.integers(0, 300).map(str))
def test_random_bytes(body: bytes, header: str | None) -> None:
    for decoder in (DOUBLER, BOTH, Decoder([S], [], READER), Decoder([], [], READER)):
        with suppress(InvalidInput):
            decoder.decode(body, header)


LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner), max_leaves=8
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "s", "y", "h"]) | JSON,
        "datatype": st.sampled_from(["FP32", "BYTES"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data": st.lists(st.floats() | st.text(max_size=2), max_size=6) | JSON,
        "parameters": st.dictionaries(st.sampled_from(["binary_data_size", "binary_data"]), JSON, max_size=2) | JSON,
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "inputs": st.lists(ENTRY, max_size=3) | JSON,
        "outputs": st.lists(ENTRY, max_size=2) | JSON,
        "parameters": st.dictionaries(st.sampled_from(["timeout", "binary_data_output"]), JSON, max_size=2) | JSON,
    },
)


@given(message=MESSAGE | JSON, tail=st.binary(max_size=24))
def test_random_json(message: Any, tail: bytes) -> None:
    head = json.dumps(message).encode()  # with NaN and Infinity tokens
    for decoder in (DOUBLER, BOTH):
        with suppress(InvalidInput):
            decoder.decode(head + tail, str(len(head)))
        with suppress(InvalidInput):
            decoder.decode(head, None)


def test_nan_and_infinity_tokens() -> None:
    body = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[NaN,Infinity,-Infinity,null]}],"outputs":[{"name":"y"}]}'
    read = decode(body).inputs["x"].ravel().tolist()
    assert math.isnan(read[0]) and read[1:3] == [math.inf, -math.inf] and math.isnan(read[3])


@pytest.mark.parametrize("number", [b"1e39", b"1" + b"0" * 40, b"-1" + b"0" * 400, b"1" * 5000])
def test_numbers_beyond_every_float(number: bytes) -> None:
    """A NaN token sends the body to the lenient reader, whose whole numbers have no bound."""
    head = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":['
    for other in (b"NaN", b"1", b"null"):
        with pytest.raises(InvalidInput, match=r"range|not valid JSON|want FP32"):
            decode(head + number + b"," + other + b"]}]}")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000, 1_000_000])
@pytest.mark.parametrize("token", [b"0", b"NaN"])
def test_too_deep(opening: bytes, depth: int, token: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    body = b'{"inputs":' + opening * (depth - 1) + token + closing * (depth - 1) + b"}"
    with pytest.raises((InvalidInput, BodyTooLarge), match=r"deeper|not valid JSON|are accepted"):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "\\ud800", "x": NaN, "inputs": []}',
        b'{"inputs": [{"name": "x", "datatype": "\\ud800", "shape": [NaN]}]}',
        b'{"parameters": {"timeout": 1' + b"0" * 400 + b'}, "x": NaN}',
        b'{"parameters": {"timeout": 1' + b"0" * 400 + b'}, "inputs": []}',
        b'{"parameters": {"timeout": 9223372036854775807}, "inputs": []}',
    ],
    ids=["surrogate-id", "surrogate-datatype", "endless-integer", "float-timeout", "timeout-of-ages"],
)
def test_what_no_json_can_carry_is_the_clients_fault(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(body)
    str(caught.value).encode()


def test_a_large_json_is_refused_before_it_is_parsed() -> None:
    body = b'{"inputs": [' + b"[]," * 2**20
    with pytest.raises(BodyTooLarge, match="binary_data_size"):
        DOUBLER.decode(body, None)
    with pytest.raises(BodyTooLarge):
        DOUBLER.decode(body, str(len(body)))


def test_as_deep_as_allowed_is_read_and_unknown_fields_are_ignored() -> None:
    nested = orjson.loads(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))
    assert decode(doubled() | ONLY_Y | {"extra": nested}).inputs["x"].tolist() == [[1, 2]]


def entry(**changes: Any) -> dict[str, Any]:
    """The doubler's input with some fields changed; None takes a field away."""
    merged = tensor("x", "FP32", [1, 2], [1.0, 2.0]) | changes
    return {key: value for key, value in merged.items() if value is not None}


BINARY = {"binary_data_size": 8}
FAULTS: dict[str, tuple[Any, str]] = {
    "not an object": ([], "want a JSON object, got a list"),
    "no inputs": ({}, "inputs: want a list, got nothing"),
    "inputs an object": ({"inputs": {}}, "inputs: want a list, got an object"),
    "an input that is none": ({"inputs": [1]}, "input: want an object, got a number"),
    "no name": ({"inputs": [entry(name=None)]}, "name must be a string"),
    "name a number": ({"inputs": [entry(name=1)]}, "name must be a string"),
    "no datatype": ({"inputs": [entry(datatype=None)]}, "datatype must be a string"),
    "no shape": ({"inputs": [entry(shape=None)]}, "shape must be a list"),
    "no data": ({"inputs": [entry(data=None)]}, "neither data nor binary_data_size"),
    "unknown input": ({"inputs": [entry(name="z")]}, "unknown input 'z': this model has"),
    "input twice": ({"inputs": [entry(), entry()]}, "'x' is there twice"),
    "missing input": ({"inputs": []}, "missing inputs: ['x']"),
    "unknown output": (doubled() | {"outputs": [{"name": "z"}]}, "unknown output 'z': this model has"),
    "output twice": (doubled() | {"outputs": [{"name": "y"}] * 2}, "output 'y' is there twice"),
    "outputs an object": (doubled() | {"outputs": {"a": 1}}, "outputs: want a list"),
    "output as JSON that has none": (doubled() | {"outputs": [{"name": "h"}]}, "FP16 has no JSON form"),
    "all outputs as JSON": (doubled(), "FP16 has no JSON form"),
    "id a number": (doubled() | {"id": 1}, "id: want a string"),
    "parameters a list": (doubled() | {"parameters": []}, "parameters must be an object"),
    "parameter an object": (doubled() | {"parameters": {"p": {}}}, "must be a string, number or bool"),
    "parameter null": (doubled() | {"parameters": {"p": None}}, "must be a string, number or bool"),
    "binary_data_output a word": (doubled() | {"parameters": {"binary_data_output": "yes"}}, "want true or false"),
    "binary_data a number": (
        doubled() | {"outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
        "binary_data: want true or false",
    ),
    "timeout below 0": (doubled() | {"parameters": {"timeout": -1}}, "whole microseconds"),
    "timeout a fraction": (doubled() | {"parameters": {"timeout": 1.5}}, "whole microseconds"),
    "data and size": ({"inputs": [entry(parameters=BINARY)]}, "exclude each other"),
    "size a word": ({"inputs": [entry(data=None, parameters={"binary_data_size": "8"})]}, "must be a whole number"),
    "size below 0": ({"inputs": [entry(data=None, parameters={"binary_data_size": -8})]}, "must be a whole number"),
    "size a bool": ({"inputs": [entry(data=None, parameters={"binary_data_size": True})]}, "must be a whole number"),
    "more than is left": ({"inputs": [entry(data=None, parameters=BINARY)]}, "0 bytes are left"),
}


@pytest.mark.parametrize(("message", "text"), FAULTS.values(), ids=FAULTS)
def test_faults_are_told(message: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(message)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "tail", "text"),
    [
        ([8], b"12345678+", "1 bytes follow the last binary input"),
        ([8], b"1234567", "7 bytes are left"),
        ([4], b"1234", "want 8 bytes for FP32[1, 2], got 4"),
        ([2**62], b"12345678", "bytes are left"),
    ],
)
def test_sizes_that_do_not_add_up(sizes: list[int], tail: bytes, text: str) -> None:
    message = {"inputs": [entry(data=None, parameters={"binary_data_size": size}) for size in sizes]} | ONLY_Y
    with pytest.raises(InvalidInput) as caught:
        decode(message, tail)
    assert text in str(caught.value)


@pytest.mark.parametrize("header", ["-1", "1.0", "", " 2", "2 ", "٢", "1" * 30, "0x2", "1e3", "+2", "1_0", "999"])
def test_a_json_length_that_is_none(header: str) -> None:
    with pytest.raises(InvalidInput, match="Inference-Header-Content-Length"):
        DOUBLER.decode(b"{}", header)


def test_json_and_binary_in_one_request() -> None:
    text = tensor("s", "BYTES", [2], ["a", "b"])
    floats = entry(data=None, parameters=BINARY)
    read = decode({"inputs": [text, floats]}, np.array([3, 4], "<f4").tobytes(), BOTH)
    assert read.inputs["s"].tolist() == ["a", "b"] and read.inputs["x"].tolist() == [[3, 4]]


def test_raw_request() -> None:
    read = DOUBLER.decode(np.array([[1, 2], [3, 4]], "<f4").tobytes(), "0")
    assert read.inputs["x"].tolist() == [[1, 2], [3, 4]] and read.outputs[0] == OutputRequest("y", True)
    assert Decoder([S], [], READER).decode("ü".encode(), "0").inputs["s"].tolist() == ["ü"]
    with pytest.raises(InvalidInput, match="multiple of 8 bytes"):
        DOUBLER.decode(b"123456789", "0")
    with pytest.raises(InvalidInput, match="one input"):
        BOTH.decode(b"12345678", "0")
    with pytest.raises(InvalidInput, match="cannot tell the shape"):
        Decoder([TensorSpec("x", "FP32", (-1, -1))], [], READER).decode(b"12345678", "0")


def test_which_outputs_in_which_form() -> None:
    decoder = Decoder([X], [TensorSpec(name, "FP32", (-1,)) for name in "abc"], READER)

    def wanted(**changes: Any) -> list[tuple[str, bool]]:
        return [(output.name, output.binary) for output in decode(doubled() | changes, decoder=decoder).outputs]

    everything: dict[str, Any] = {"parameters": {"binary_data_output": True}}
    assert wanted() == wanted(outputs=[]) == [("a", False), ("b", False), ("c", False)]
    assert wanted(**everything) == [("a", True), ("b", True), ("c", True)]
    some = [{"name": "c"}, {"name": "a", "parameters": {"binary_data": False}}]
    assert wanted(outputs=some) == [("c", False), ("a", False)]
    assert wanted(outputs=some, **everything) == [("c", True), ("a", False)]


@pytest.mark.parametrize(("value", "seconds"), [(0, None), (1_500_000, 1.5), ("2000", 0.002)])
def test_timeout_is_in_microseconds(value: Any, seconds: float | None) -> None:
    assert decode(doubled() | ONLY_Y | {"parameters": {"timeout": value}}).timeout_s == seconds


def test_an_id_is_left_out_when_absent() -> None:
    _, pieces = Encoder("m", "1", []).encode(InferRequest(None, {}, (), None), [])
    assert orjson.loads(pieces[0]) == {"model_name": "m", "model_version": "1", "outputs": []}
