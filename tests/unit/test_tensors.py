"""Tensors: both forms give back what went in; nothing is allocated, cast or accepted on a client's word."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_common.errors import InvalidInput, StartError
from edge_common.tensors import (
    BINARY_ONLY,
    DTYPES,
    MAX_BYTES_ELEMENTS,
    Array,
    TensorSpec,
    element_count,
    from_binary,
    from_json,
    graph_tensor,
    to_binary,
    to_json,
)

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def arrays(datatype: str, *, finite: bool = False) -> st.SearchStrategy[Array]:
    """Arrays of the protocol's type; BYTES hold str."""
    if datatype == "BYTES":
        return hnp.arrays(np.dtype(object), SHAPES, elements=TEXT, fill=st.nothing())
    elements = {"allow_nan": False, "allow_infinity": False} if finite and datatype in ("FP32", "FP64") else None
    return hnp.arrays(DTYPES[datatype], SHAPES, elements=elements)


def same(left: Array, right: Array) -> bool:
    """Equal to the last bit, NaN payloads and the sign of zero included."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return left.tolist() == right.tolist() if left.dtype == object else left.tobytes() == right.tobytes()


def spec_of(datatype: str, array: Array) -> TensorSpec:
    return TensorSpec("x", datatype, array.shape)


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@pytest.mark.parametrize("datatype", DTYPES)
@given(data=st.data())
def test_binary_round_trip(datatype: str, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype))
    raw = memoryview(bytes(to_binary(array, datatype)))
    assert same(from_binary(spec_of(datatype, array), list(array.shape), raw), array)


@pytest.mark.no_cover  # thousands of times lines that other tests measure
@pytest.mark.parametrize("datatype", sorted(DTYPES.keys() - BINARY_ONLY))
@pytest.mark.parametrize("nested", [False, True])
@given(data=st.data())
def test_json_round_trip(datatype: str, nested: bool, data: st.DataObject) -> None:
    array = data.draw(arrays(datatype, finite=True))
    written: Any = array.tolist() if nested else to_json(array, datatype)
    read = orjson.loads(orjson.dumps(written, option=orjson.OPT_SERIALIZE_NUMPY))
    if nested and array.ndim > 1 and 0 in array.shape[:-1]:
        read = []  # nested lists cannot say the extents behind an empty one
    assert same(from_json(spec_of(datatype, array), list(array.shape), read), array)


@pytest.mark.parametrize("datatype", sorted(DTYPES.keys() - {"BYTES"}))
def test_a_view_that_is_not_contiguous_is_written_row_major(datatype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(DTYPES[datatype]).T
    assert bytes(to_binary(array, datatype)) == array.tobytes(order="C")


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**53 + 1])
def test_int64_is_exact(value: int) -> None:
    spec = TensorSpec("x", "INT64", (1,))
    read = from_json(spec, [1], orjson.loads(f"[{value}]"))
    assert read.tolist() == [value]
    assert orjson.dumps(to_json(read, "INT64"), option=orjson.OPT_SERIALIZE_NUMPY) == f"[{value}]".encode()


def test_nan_and_infinity_are_written_as_null_and_null_is_nan() -> None:
    array = np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    assert orjson.dumps(to_json(array, "FP32"), option=orjson.OPT_SERIALIZE_NUMPY) == b"[null,null,null,1.0]"
    for datatype in ("FP32", "FP64"):
        read = from_json(TensorSpec("x", datatype, (2,)), [2], [None, 1])
        assert math.isnan(read[0]) and read[1] == 1


LIMITS = [
    (datatype, value)
    for datatype in ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")
    for value in (int(np.iinfo(DTYPES[datatype]).min) - 1, int(np.iinfo(DTYPES[datatype]).max) + 1)
]


@pytest.mark.parametrize(("datatype", "value"), [*LIMITS, ("FP32", 1e39), ("FP32", 10**40), ("FP64", 10**400)])
def test_out_of_range(datatype: str, value: Any) -> None:
    spec = TensorSpec("x", datatype, (2,))
    for data in ([value, 0], [0, value], [value, None]):
        with pytest.raises(InvalidInput, match=r"range|elements"):
            from_json(spec, [2], data)


@pytest.mark.parametrize(
    ("datatype", "element"),
    [
        ("INT32", 1.0),
        ("INT32", True),
        ("INT32", "1"),
        ("INT32", None),
        ("FP32", True),
        ("FP32", "1"),
        ("FP32", {}),
        ("BOOL", 1),
        ("BOOL", 0.0),
        ("BYTES", 1),
        ("BYTES", None),
        ("UINT8", [1]),
    ],
    ids=repr,
)
def test_no_silent_casts(datatype: str, element: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"want {datatype} elements"):
        from_json(TensorSpec("x", datatype, (1,)), [1], [element])


@pytest.mark.parametrize("datatype", sorted(BINARY_ONLY))
def test_types_without_json_form(datatype: str) -> None:
    with pytest.raises(InvalidInput, match="no JSON form"):
        from_json(TensorSpec("x", datatype, (1,)), [1], [1.0])


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([2, 2], [[1, 2], [3]]),
        ([2, 2], [[1, 2], 3]),
        ([2, 2], [[1, 2]]),
        ([2, 2], [[[1], [2]], [[3], [4]]]),
        ([2, 2], [[1, 2, 3, 4]]),
        ([2, 2], [1, 2, 3]),
        ([2, 3], [[1, 2], [3, 4], [5, 6]]),
        ([2], 1),
        ([2], {"0": 1}),
        ([2], "ab"),
        ([2], None),
        ([], [1, 2]),
        ([0], [1]),
        ([0, 2], [[1, 2]]),
        ([1], [[1]]),
    ],
    ids=repr,
)
def test_data_that_does_not_have_the_shape(shape: list[int], data: Any) -> None:
    with pytest.raises(InvalidInput):
        from_json(TensorSpec("x", "INT32", tuple(shape)), shape, data)


def test_a_scalar_may_be_bare_or_a_list_of_one() -> None:
    spec = TensorSpec("x", "INT32", ())
    assert from_json(spec, [], 5) == from_json(spec, [], [5]) == np.array(5, np.int32)


HUGE = [2**31, 2**31, 2**31]


@pytest.mark.parametrize(
    "shape",
    [HUGE, [2**64], [-1], [2, -1], [0, -1], "2", 2, None, [1.0], [True], ["1"], [None], [[1]], {"0": 1}],
    ids=repr,
)
def test_shapes_that_are_none(shape: Any) -> None:
    with pytest.raises(InvalidInput):
        element_count("x", shape)


def test_huge_dims_allocate_nothing() -> None:
    """A terabyte each; an allocation would end the process or raise MemoryError."""
    shape = [2**40]
    for datatype in DTYPES:
        spec = TensorSpec("x", datatype, (-1,))
        with pytest.raises(InvalidInput):
            from_binary(spec, shape, memoryview(b"12345678"))
        with pytest.raises(InvalidInput):
            from_json(spec, shape, [])


def test_zero_size_beside_a_huge_dim() -> None:
    assert element_count("x", [0, 2**40]) == 0
    with pytest.raises(InvalidInput, match=r"2\*\*63"):
        element_count("x", [0, 2**62])
    assert from_binary(TensorSpec("x", "FP32", (-1, -1)), [0, 2**40], memoryview(b"")).shape == (0, 2**40)


@pytest.mark.parametrize(
    ("count", "raw", "text"),
    [
        (1, b"\x05\0\0\0abc", "longer than the data"),
        (1, b"\xff\xff\xff\xffabc", "longer than the data"),
        (2, b"\x04\0\0\0abcd", "ends before element 1"),
        (2, b"\0\0\0", "cannot hold"),
        (1, b"\x01\0\0\0ab", "1 bytes follow"),
        (1, b"\x02\0\0\0\xc3\x28", "not UTF-8"),
        (0, b"\0", "1 bytes follow"),
    ],
)
def test_damaged_bytes_elements(count: int, raw: bytes, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        from_binary(TensorSpec("x", "BYTES", (-1,)), [count], memoryview(raw))


def test_bool_bytes_are_0_or_1() -> None:
    spec = TensorSpec("x", "BOOL", (2,))
    assert from_binary(spec, [2], memoryview(b"\0\1")).tolist() == [False, True]
    with pytest.raises(InvalidInput, match="0 or 1"):
        from_binary(spec, [2], memoryview(b"\0\2"))


def test_bool_bytes_are_read_by_numpy() -> None:
    """In Python, these would hold the interpreter for a quarter of a second; the processor's time is measured."""
    count = 16 * 2**20
    raw, took = memoryview(bytes(count)), []
    for _ in range(3):
        began = time.thread_time()
        from_binary(TensorSpec("x", "BOOL", (-1,)), [count], raw)
        took.append(time.thread_time() - began)
    assert min(took) < 0.05


def test_so_many_texts_are_refused_before_one_is_made() -> None:
    spec, limit = TensorSpec("x", "BYTES", (-1,)), MAX_BYTES_ELEMENTS
    with pytest.raises(InvalidInput, match=f"input 'x': want at most {limit} BYTES elements, got {limit + 1}"):
        from_binary(spec, [limit + 1], memoryview(bytes(4 * (limit + 1))))
    # As many as are allowed: the first fault is then in the data.
    with pytest.raises(InvalidInput, match="element 0 is longer"):
        from_binary(spec, [limit], memoryview(b"\xff" * 4 * limit))


@pytest.mark.parametrize(
    ("want", "got", "fits"),
    [((-1, 2), [5, 2], True), ((-1, 2), [5, 3], False), ((2,), [2, 1], False), ((), [], True), ((), [1], False)],
)
def test_a_shape_fits_the_models(want: tuple[int, ...], got: list[int], fits: bool) -> None:
    spec = TensorSpec("x", "FP32", want)
    assert spec.accepts(got) is spec.holds(np.zeros(got, np.float32)) is fits
    assert not spec.holds(np.zeros(got))
    if fits:
        spec.check("FP32", got)
        return
    with pytest.raises(InvalidInput, match=r"input 'x': want shape \[.*\], got \["):
        spec.check("FP32", got)


def test_another_datatype_is_told() -> None:
    with pytest.raises(InvalidInput, match="want datatype FP32, got FP64"):
        TensorSpec("x", "FP32", ()).check("FP64", [])


def test_graph_tensors_of_the_protocol() -> None:
    assert graph_tensor("x", "tensor(float)", ["N", 3, None]) == TensorSpec("x", "FP32", (-1, 3, -1))
    for kind in ("seq(tensor(float))", "map(int64,tensor(float))", "tensor(int4)"):
        with pytest.raises(StartError, match="cannot be served"):
            graph_tensor("x", kind, [])
