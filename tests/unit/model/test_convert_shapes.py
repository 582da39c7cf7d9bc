"""Batches that are fixed, extents that cannot be, graphs that are too large, answers of another shape than declared."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnx_models
from edge_common.tensors import TensorSpec
from edgectl.model.convert.example import advised
from edgectl.model.convert.loaded import loaded
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.shapes import check_shapes, fixed
from edgectl.model.errors import ModelError
from edgectl_support import Run


def two_outputs(path: Path, batch: str | int = "N", declared: str | int = "N") -> onnx.ModelProto:
    """x FP32 [batch, 2] -> same FP32 [declared, 2], and rows FP32 [rows, 2] of a symbol of its own."""
    values = {name: [first, 2] for name, first in (("x", batch), ("same", declared), ("rows", "rows"))}
    x, *outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in values.items()]
    nodes = [helper.make_node("Relu", ["x"], [value.name]) for value in outputs]
    graph = helper.make_graph(nodes, "graph", [x], outputs)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, str(path))
    return model


def first(value: onnx.ValueInfoProto) -> str | int:
    dim = value.type.tensor_type.shape.dim[0]
    return str(dim.dim_param) or int(dim.dim_value)


@pytest.mark.parametrize(
    ("batch", "wanted"),
    [
        pytest.param(4, [4, 4, "rows"], id="fixed-with-the-outputs-that-share-it"),
        pytest.param(-1, ["N", "N", "rows"], id="free"),
    ],
)
def test_the_batch_of_inputs_is_that_of_their_outputs(tmp_path: Path, batch: int, wanted: list[str | int]) -> None:
    model = fixed(two_outputs(tmp_path / "m.onnx"), [TensorSpec("x", "FP32", (batch, 2))])
    assert [first(value) for value in (*model.graph.input, *model.graph.output)] == wanted


def test_an_input_that_says_no_batch_fixes_no_output_that_says_none(tmp_path: Path) -> None:
    model = two_outputs(tmp_path / "m.onnx", batch="", declared="")
    fixed(model, [TensorSpec("x", "FP32", (4, 2))])
    assert [first(value) for value in (*model.graph.input, *model.graph.output)] == [4, 0, "rows"]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        pytest.param((0, 3, 32, 32), r"--shape x: want extents of 1 or more, found \[0, 3, 32, 32\]", id="batch-of-0"),
        pytest.param((1, 3, 0), "want extents of 1 or more", id="side-of-0"),
    ],
)
def test_an_extent_of_0_is_refused(shape: tuple[int, ...], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        check_shapes("m.pt", {"x": shape}, ["x"])


def test_weights_beside_a_graph_count_before_they_are_read(run: Run, tmp_path: Path) -> None:
    """No file of them is there: to look for it would come later."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[560_000_000])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "big.data", "offset": "0", "length": "2240000000"}.items():
        tensor.external_data.add(key=key, value=value)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [560_000_000])
    graph = helper.make_graph([helper.make_node("Relu", ["w"], ["y"])], "graph", [], [y], [tensor])
    (tmp_path / "big.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    code, _, err = convert(run, tmp_path / "big.onnx", tmp_path / "small")
    assert code == 2 and "want a graph under 2 GiB with its weights, found 2.1 GiB" in err and err.count("\n") == 1


def test_a_file_over_2_gib_is_not_read(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "big.onnx").open("wb") as file:
        file.truncate(3 * 2**30)
    code, _, err = convert(run, tmp_path / "big.onnx", tmp_path / "small")
    assert code == 2 and "want a graph under 2 GiB with its weights, found 3.0 GiB" in err


def test_a_converted_graph_over_2_gib_does_not_reach_onnx_runtime() -> None:
    class Huge:
        def ByteSize(self) -> int:
            return 3 * 2**30

    with pytest.raises(ModelError, match=r"m\.keras: want a graph under 2 GiB with its weights, found 3\.0 GiB"):
        loaded("m.keras", cast(Any, Huge()))


@pytest.mark.filterwarnings("ignore")
def test_answers_of_another_shape_than_declared_make_no_bundle(run: Run, tmp_path: Path) -> None:
    two_outputs(tmp_path / "m.onnx", declared=7)
    code, _, err = convert(run, tmp_path / "m.onnx", tmp_path / "small")
    assert code == 2 and "golden 000: output 'same': want FP32 [7, 2], found float32 [1, 2]" in err
    assert not (tmp_path / "small").exists()


def test_temporary_directories_say_whose_they_are(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    usual = tempfile.mkdtemp

    def spied(suffix: str | None = None, prefix: str | None = None, dir: Any = None) -> str:
        made.append(usual(suffix, prefix, dir))
        return made[-1]

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", spied)
    code, _, err = convert(run, onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "small")
    assert code == 0, err
    names = [Path(each).name for each in made]
    assert len(names) > 2 and all(name.startswith(("edgectl-", ".small.")) for name in names)


def test_a_full_temporary_disk_is_the_one_that_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    code, _, err = convert(run, onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "small")
    assert code == 2 and f"{tmp_path / 'gone'}: cannot be written" in err and "TMPDIR" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("example", "reason", "told"),
    [
        pytest.param(None, "keras cannot run it: Embedding.call().", "Embedding.call(); its inputs were", id="run"),
        pytest.param(None, "want scalar types: Long", "give real ones with --example FILE.npz", id="type"),
        pytest.param(Path("a.npz"), "keras cannot run it: no", "m: keras cannot run it: no", id="real"),
        pytest.param(None, "want operators that ONNX has", "m: want operators that ONNX has", id="another-reason"),
    ],
)
def test_a_failure_of_made_up_inputs_says_how_to_give_real_ones(example: Path | None, reason: str, told: str) -> None:
    with pytest.raises(ModelError) as caught, advised(ConvertOptions(example=example)):
        raise ModelError(f"m: {reason}")
    assert told in str(caught.value)
    assert ("--example" in str(caught.value)) == (example is None and "operators" not in reason)


def test_a_graph_that_cannot_run_noise_asks_for_an_example(run: Run, tmp_path: Path) -> None:
    """An index out of ten, of which noise knows nothing."""
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1, 3])
    table = helper.make_tensor("table", TensorProto.FLOAT, [10, 3], np.arange(30, dtype=np.float32))
    graph = helper.make_graph([helper.make_node("Gather", ["table", "ids"], ["y"])], "graph", [ids], [y], [table])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, str(tmp_path / "m.onnx"))
    np.savez(tmp_path / "rows.npz", ids=np.arange(10).reshape(10, 1))
    code, _, err = convert(run, tmp_path / "m.onnx", tmp_path / "small")
    assert code == 2 and "give real ones with --example FILE.npz" in err and err.count("\n") == 1, err
    assert convert(run, tmp_path / "m.onnx", tmp_path / "small", "--example", tmp_path / "rows.npz")[0] == 0


def convert(run: Run, source: object, out: Path, *more: object) -> tuple[int, str, str]:
    return run("model", "convert", source, "--name", "small", "--version", "1.0.0", "--output", out, *more)
