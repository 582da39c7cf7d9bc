"""Golden samples: what is written is read back, differences are named, hostile archives allocate nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_common.bundle import BundleError
from edge_common.golden import Golden, check_golden_matches, compare, load_golden, save_golden
from edge_common.npz import NpzError, read_npz
from edge_common.tensors import TensorSpec

NAN = float("nan")
KINDS = ["?", "u1", "u2", "i4", "i8", "f2", "f4", "f8"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


def _golden(**outputs: Any) -> Golden:
    return Golden("000", {}, {name: np.asarray(value) for name, value in outputs.items()})


@given(
    st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))),
    st.lists(TEXT, max_size=4),
)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, array: Any, words: list[str]) -> None:
    path = tmp_path_factory.mktemp("golden") / "000.npz"
    text = np.empty(len(words), dtype=object)
    text[:] = words
    save_golden(path, {"file": array, "a b/c": text}, {"y": array})
    golden = load_golden(path)
    assert golden.inputs["file"].dtype == array.dtype
    assert compare(Golden("", {}, {"file": array, "a b/c": text}), golden.inputs, 0, 0) is None
    assert compare(golden, {"y": array}, 0, 0) is None
    first = path.read_bytes()
    save_golden(path, {"file": array, "a b/c": text}, {"y": array})
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("wanted", "got", "tolerances", "text"),
    [
        pytest.param([1.0, 2.0], [1.0, 2.0], (0, 0), None, id="equal"),
        pytest.param([1.0, 2.0], [1.0, 2.001], (1e-3, 0), None, id="within-rtol"),
        pytest.param([1.0, 2.0], [1.0, 2.1], (1e-3, 0), "at [1]: want 2, got 2.1 (1 of 2 values differ)", id="beyond"),
        pytest.param([NAN, np.inf], [NAN, np.inf], (0, 0), None, id="nan-and-inf"),
        pytest.param([NAN], [1.0], (1, 1), "at [0]: want nan, got 1 (1 of 1 values differ)", id="nan-wanted"),
        pytest.param([np.inf], [1e300], (1, 1), "at [0]: want inf, got 1e+300 (1 of 1 values differ)", id="inf"),
        pytest.param(2.0, 3.0, (0, 0), ": want 2, got 3 (1 of 1 values differ)", id="scalar"),
        pytest.param([[1, 2]], [[1, 3]], (1, 9), "at [0, 1]: want 2, got 3 (1 of 2", id="whole-numbers"),
        pytest.param([[1.0]], [1.0], (1, 1), ": want float64[1, 1], got float64[1]", id="shape"),
        pytest.param([1], [1.0], (1, 1), ": want int64[1], got float64[1]", id="type"),
        pytest.param(
            np.array([60000], np.float16),
            np.array([59000], np.float16),
            (1e-3, 0),
            "at [0]: want 60000, got 59008 (1 of 1",
            id="half",
        ),
        pytest.param(
            np.array(["a", "b"], object), np.array(["a", "c"], object), (1, 1), "at [1]: want 'b', got 'c'", id="text"
        ),
        pytest.param(np.zeros((0, 4)), np.zeros((0, 4)), (0, 0), None, id="nothing-found"),
    ],
)
def test_compare(wanted: Any, got: Any, tolerances: tuple[float, float], text: str | None) -> None:
    difference = compare(_golden(y=wanted), {"y": np.asarray(got)}, *tolerances)
    if text is None:
        assert difference is None
    else:
        assert f"golden 000: output 'y'{'' if text[0] == ':' else ' '}{text}" in str(difference)


def test_an_output_that_is_not_there() -> None:
    assert str(compare(_golden(y=[1]), {}, 0, 0)).endswith("want int64[1], got no such output")


X, Y = TensorSpec("x", "FP32", (-1, 2)), TensorSpec("y", "INT64", (-1,))


@pytest.mark.parametrize(
    ("inputs", "outputs", "text"),
    [
        pytest.param({"z": np.zeros((1, 2))}, {"y": np.zeros(1)}, "want inputs ['x'] as the graph has them", id="name"),
        pytest.param({}, {"y": np.zeros(1)}, "want inputs ['x'] as the graph has them, found []", id="missing"),
        pytest.param(
            {"x": np.zeros((1, 2))}, {"y": np.zeros(1, int)}, "'x': want FP32 [-1, 2], found float64", id="type"
        ),
        pytest.param({"x": np.zeros((1, 3), "f4")}, {"y": np.zeros(1, int)}, "found float32 [1, 3]", id="shape"),
        pytest.param({"x": np.zeros(2, "f4")}, {"y": np.zeros(1, int)}, "found float32 [2]", id="rank"),
        pytest.param({"x": np.zeros((1, 2), "f4")}, {}, "want outputs of the graph ['y'], found []", id="no-output"),
        pytest.param({"x": np.zeros((1, 2), "f4")}, {"z": np.zeros(1)}, "['y'], found ['z']", id="output-name"),
        pytest.param({"x": np.zeros((1, 2), "f4")}, {"y": np.zeros(1)}, "output 'y': want INT64", id="output-type"),
    ],
)
def test_a_sample_of_another_graph(inputs: dict[str, Any], outputs: dict[str, Any], text: str) -> None:
    check_golden_matches(Golden("000", {"x": np.zeros((3, 2), "f4")}, {"y": np.zeros(3, int)}), [X], [Y])
    with pytest.raises(BundleError) as fault:
        check_golden_matches(Golden("000", inputs, outputs), [X], [Y])
    assert text in str(fault.value)


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def _archive(path: Path, content: bytes, name: str = "in.x.npy", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def _header(dtype: str, shape: str) -> bytes:
    return _npy(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(_header("<f8", "(1000000000000,)"), "float64 [1000000000000] in", id="claims-8-TB"),
        pytest.param(_header("<f8", "(3, -1)"), "", id="negative"),
        pytest.param(_header("<U0", "(1000000000000,)"), "<U0 [1000000000000] in", id="elements-of-no-size"),
        pytest.param(_header("|O", "(1,)"), "object [1] in", id="pickle"),
        pytest.param(_header("<M8[s]", "(0,)"), "datetime64[s] [0] in", id="dates"),
        pytest.param(_npy("{" * 200), "", id="broken-header"),
        pytest.param(_npy("{[]: 1}"), "", id="unhashable-header"),
        pytest.param(_npy("-" * 9000 + "1"), "", id="deep-header"),
        pytest.param(b"\x93NUMPY\x09\x00", "array format (9, 0)", id="format"),
        pytest.param(b"hello, world", "magic string is not correct", id="not-an-array"),
        pytest.param(b"", "", id="empty-entry"),
    ],
)
def test_a_hostile_array(tmp_path: Path, content: bytes, text: str) -> None:
    path = _archive(tmp_path / "a.npz", content)
    with pytest.raises(BundleError) as fault:
        load_golden(path)
    assert str(fault.value).startswith(f"{path}: want an .npz of plain arrays, found: ")
    assert text in str(fault.value)


def test_too_large_unpacked(tmp_path: Path) -> None:
    zeros = np.zeros(100_000)
    path = tmp_path / "a.npz"
    save_golden(path, {"x": zeros}, {"y": zeros})
    assert path.stat().st_size < 10_000
    with pytest.raises(BundleError, match="want at most 1000000 bytes unpacked, found 1600"):
        load_golden(path, 1_000_000)


def test_other_archives(tmp_path: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    with pytest.raises(BundleError, match=r"want arrays named in\.<input> and out\.<output>, found 'x'"):
        load_golden(_archive(tmp_path / "a.npz", array.getvalue(), "x.npy"))
    with pytest.raises(NpzError, match="compressed by method 12"):
        read_npz(_archive(tmp_path / "b.npz", array.getvalue(), method=zipfile.ZIP_BZIP2), 1000)
    with pytest.raises(BundleError, match="No such file"):
        load_golden(tmp_path / "none.npz")
    big = io.BytesIO()
    np.save(big, np.arange(3, dtype=">f4"))
    read = read_npz(_archive(tmp_path / "c.npz", big.getvalue()), 1000)["in.x"]
    assert (read.dtype, read.tolist()) == (np.dtype("<f4"), [0, 1, 2])


def test_text_that_npz_would_change(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="want text without NUL at its end"):
        save_golden(tmp_path / "a.npz", {"x": np.array(["a\0"], object)}, {})


@given(st.data())
def test_a_damaged_archive_is_one_line(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("golden") / "000.npz"
    save_golden(path, {"x": np.arange(6, dtype="f4").reshape(2, 3)}, {"y": np.array(["a", "b"], object)})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        load_golden(path)
    except BundleError as exc:
        assert str(exc).isprintable()
