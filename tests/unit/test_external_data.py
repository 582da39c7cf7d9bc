"""Weights outside of the graph's file are found in its bytes, and refused where a hash is to vouch for them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import onnx_models
from edge_common.bundle import Bundle, BundleError, read_bundle, sha256_of
from edge_common.externaldata import external_data
from edgectl.bundle.check import check_bundle
from edgectl.bundle.create import create_bundle

FIX = "save it as one file: onnx.save(model, path, save_as_external_data=False)"
# As the onnx library writes it: location, offset, length, and where data are.
ENTRY = b"j\x11\n\x08location\x12\x05w.binj\x0b\n\x06offset\x12\x010j\x0c\n\x06length\x12\x0224p\x01"


def _outside(path: Path, location: str = "weights.bin") -> Path:
    """y = x W, with W in a file of its own."""
    model = onnx.load(onnx_models.linear(path))
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    # The library moves raw data only.
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "w"))
    onnx.save(model, str(path), save_as_external_data=True, location=location, size_threshold=0)
    return path


def _bundle(tmp_path: Path) -> Bundle:
    made = create_bundle(
        onnx_models.linear(tmp_path / "net.onnx"), tmp_path / "net", name="net", version="1.0.0", inputs=[]
    )
    path = _outside(made.model_path)
    manifest = made.directory / "model.toml"
    manifest.write_text(manifest.read_text().replace(made.sha256 or "", sha256_of(path)))
    return read_bundle(made.directory)


def _line(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(BundleError) as fault:
        call(*arguments, **named)
    assert str(fault.value).isprintable()
    return str(fault.value)


def test_a_bundle_with_weights_elsewhere_is_refused(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path)
    line = _line(bundle.check_hash)
    assert line == (
        f"{bundle.model_path}: want all weights in this file, which one hash vouches for, found some in 'weights.bin'; {FIX}"
    )
    assert _line(check_bundle, bundle.directory) == line


def test_the_named_fix_works(tmp_path: Path) -> None:
    graph = _outside(tmp_path / "net.onnx")
    assert external_data(graph) == "weights.bin"
    onnx.save(onnx.load(graph), str(graph), save_as_external_data=False)
    assert external_data(graph) is None
    assert check_bundle(graph).bundle.name == "net"


def test_create_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    graph = _outside(tmp_path / "net.onnx")
    line = _line(create_bundle, graph, tmp_path / "net", name="net", version="1.0.0", inputs=[])
    assert line.startswith(f"{graph}: want all weights in this file") and line.endswith(FIX)
    assert not (tmp_path / "net").exists()


def test_a_bare_graph_may_be_served_but_is_not_called_ok(tmp_path: Path) -> None:
    graph = _outside(tmp_path / "net.onnx")
    assert read_bundle(graph).check_hash() == sha256_of(graph)
    assert FIX in _line(check_bundle, graph)


@pytest.mark.parametrize("length", [1, 100, 127, 128, 200, 250])
def test_a_path_of_any_length(tmp_path: Path, length: int) -> None:
    location = "w" * length
    assert external_data(_outside(tmp_path / "net.onnx", location)) == location


def _constant(model: Any) -> None:
    tensor = onnx.TensorProto(name="k", data_type=1, dims=[6], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value="k.bin")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["k"], value=tensor))


def test_a_constant_with_its_keys_in_another_order(tmp_path: Path) -> None:
    graph = onnx_models.linear(tmp_path / "net.onnx")
    model = onnx.load(graph)
    _constant(model)
    graph.write_bytes(model.SerializeToString())
    assert external_data(graph) == "k.bin"


def _metadata(model: Any) -> None:
    for part in (model, model.graph, model.graph.node[0], model.graph.initializer[0], model.graph.input[0]):
        part.metadata_props.add(key="location", value="hall 7")


def _named_location(model: Any) -> None:
    """GraphProto.value_info has the number of TensorProto.external_data, and its name that of a key."""
    for shape in ([], [1, 2], ["N"] * 60):
        model.graph.value_info.append(onnx.helper.make_tensor_value_info("location", 1, shape))
    model.graph.quantization_annotation.add(tensor_name="location")


def _left_over(model: Any) -> None:
    """ONNX Runtime reads the entries only when data_location says so."""
    model.graph.initializer[0].external_data.add(key="location", value="old.bin")


@pytest.mark.parametrize("change", [_metadata, _named_location, _left_over])
def test_what_only_looks_like_it(tmp_path: Path, change: Callable[[Any], None]) -> None:
    graph = onnx_models.linear(tmp_path / "net.onnx")
    model = onnx.load(graph)
    change(model)
    graph.write_bytes(model.SerializeToString())
    assert b"\n\x08location\x12" in graph.read_bytes()
    assert external_data(graph) is None
    # ONNX Runtime looks for no other file either.
    assert check_bundle(graph).bundle.name == "net"


def test_every_place_at_a_block_s_border(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for before in range(256 * 1024 - len(ENTRY) - 40, 256 * 1024 + 40):
        path.write_bytes(bytes(before) + ENTRY)
        assert external_data(path) == "w.bin", before


@pytest.mark.parametrize("cut", range(1, len(ENTRY)))
def test_damaged_entries_are_none(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(ENTRY[:-cut])
    assert external_data(path) is None
    path.write_bytes(ENTRY[:-cut] + b"\xff" * 9000)
    assert external_data(path) is None


def test_a_large_file_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(os.urandom(2**20) * 32)
    took = []
    for _ in range(3):
        began = time.thread_time()
        assert external_data(path) is None
        took.append(time.thread_time() - began)
    assert min(took) < 0.1


def test_a_file_that_went_away(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path)
    shutil.rmtree(bundle.directory)
    assert _line(bundle.check_hash).endswith("model.onnx: no such file or directory")
