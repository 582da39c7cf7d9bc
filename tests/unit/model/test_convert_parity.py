"""Parity, names and the noise of frameworks, each on its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnx_models
from edge_common.tensors import Array, TensorSpec
from edgectl.bundle.session import Model
from edgectl.model.convert.converted import Converted
from edgectl.model.convert.likely import around
from edgectl.model.convert.names import distinct, renamed
from edgectl.model.convert.parity import parity
from edgectl.model.convert.precision import tied
from edgectl.model.convert.quiet import framework, reason
from edgectl.model.convert.run import convert
from edgectl.model.convert.samples import samples_of
from edgectl.model.errors import ModelError


@dataclass(frozen=True)
class Doubling:
    """An original that answers `factor` times its input, and whose conversion is the graph at `path`."""

    path: Path
    factor: float = 2
    framework: str = "own"
    inputs: tuple[TensorSpec, ...] = (TensorSpec("x", "FP32", (-1, 2)),)
    tools: Mapping[str, str] = field(default_factory=dict)

    def convert(self) -> onnx.ModelProto:
        return onnx.load(str(self.path))

    def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        return {"y": (feed["x"] * self.factor).astype(np.float32)}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return onnx_models.doubler(tmp_path / "doubler.onnx")


def converted(graph: Path, factor: float) -> Converted:
    original = Doubling(graph, factor)
    feeds = samples_of(original, None)
    session = Model(graph)
    return Converted("own", original, convert(original), session, feeds, parity(original, session, feeds, 1e-3, 1e-4))


def test_a_right_conversion_holds(graph: Path) -> None:
    done = converted(graph, 2)
    assert done.parity.holds and done.doubt(1e-3, 1e-4) == ""
    assert done.parity.rows[0].max_difference == 0


def test_a_wrong_conversion_is_told_with_its_output(graph: Path) -> None:
    done = converted(graph, 2.01)
    assert not done.parity.holds
    assert "found others in 'y'" in done.doubt(1e-3, 1e-4)
    assert done.parity.rows[0].beyond > 0 and done.parity.rows[0].max_difference > 1e-3


def test_another_shape_than_the_originals_is_refused(graph: Path) -> None:
    class Wide(Doubling):
        def predict(self, feed: Mapping[str, Array]) -> dict[str, Array]:
            return {"y": np.zeros((len(feed["x"]), 3), np.float32)}

    original = Wide(graph)
    with pytest.raises(ModelError, match=r"output 'y': want float32 \[1, 3\] as the original gives"):
        parity(original, Model(graph), samples_of(original, None), 1e-3, 1e-4)


def test_a_batch_that_is_baked_in_shows(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Reshape", ["x", "shape"], ["y"])
    shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [1, 2])
    tensors: list[onnx_models.Tensor] = [(name, onnx_models.FLOAT, ["N", 2]) for name in "xy"]
    path = onnx_models.save(tmp_path / "m.onnx", [node], tensors[:1], tensors[1:], constants=[shape])
    original = Doubling(path, 1)
    with pytest.raises(ModelError, match=r"cannot run \{'x': \[3, 2\]\}.*--batch 1 may mend it"):
        parity(original, Model(path), samples_of(original, None), 1e-3, 1e-4)


def test_what_is_infinite_or_no_number_in_both_agrees(graph: Path) -> None:
    feeds = [{"x": np.array([[np.inf, np.nan]], np.float32)}]
    assert parity(Doubling(graph), Model(graph), feeds, 0, 0).holds


@given(shares=st.lists(st.floats(0, 1, width=32), min_size=2, max_size=5), gap=st.floats(2e-6, 1))
def test_only_equal_highest_shares_are_ties(shares: list[float], gap: float) -> None:
    row = np.array([shares])
    best = int(row.argmax())
    equal, apart = row.copy(), row.copy()
    equal[0, (best + 1) % len(shares)] = row[0, best]
    apart[0, best] += gap
    assert tied({"probabilities": equal}, 1).all()
    assert not tied({"probabilities": apart}, 1).any()


@given(st.lists(st.text("ab:0_", max_size=4), max_size=8))
def test_names_are_distinct_and_as_many(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found)) == len(found) == len(names) and all(found)


def test_tensorflows_additions_go() -> None:
    assert distinct(["serving_default_image:0", "image:0", "probs"]) == ["image", "image_1", "probs"]


def test_renaming_reaches_inner_graphs_and_makes_way(tmp_path: Path) -> None:
    slow = onnx.load(str(onnx_models.slow(tmp_path / "slow.onnx", side=2)))
    renamed(slow, {"steps": "count", "y": "state_end"})
    onnx.save(slow, str(tmp_path / "renamed.onnx"))
    model = Model(tmp_path / "renamed.onnx")
    assert [spec.name for spec in (*model.inputs, *model.outputs)] == ["count", "state_end"]
    assert set(model.run({"count": np.array([2], np.int64)})) == {"state_end"}


def test_noise_on_either_stream_is_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with framework("m: loading"):
        os.write(1, b"Python\n")
        os.write(2, b"C++\n")
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_one_line_after_the_last_lines_of_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(ModelError, match=r"^m: keras cannot load it: no such layer$"),
        framework("m: keras cannot load it"),
    ):
        os.write(2, "".join(f"line {i}\n" for i in range(9)).encode())
        raise NameError("no such layer\nand more")
    sys.stderr.flush()
    assert capfd.readouterr().err.splitlines() == [f"  | line {i}" for i in range(4, 9)]


def test_the_telling_line_of_a_long_error_is_found() -> None:
    text = "Failed to export\n\x1b[96mstep 1/3\x1b[0m\n\n<class 'ValueError'>: bad shape\nsee the log"
    assert reason(RuntimeError(text)) == "<class 'ValueError'>: bad shape"
    assert reason(KeyError()) == "KeyError" and len(reason(ValueError("x" * 999))) < 400


def test_rows_are_made_around_thresholds() -> None:
    rows = around([np.array([10.0, 20.0]), np.array([])], np.random.default_rng(0))
    assert rows.shape == (500, 2) and 10 < rows[:, 0].mean() < 20 and abs(rows[:, 1].mean()) < 0.3
