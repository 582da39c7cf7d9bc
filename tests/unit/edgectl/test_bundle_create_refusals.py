"""`edgectl bundle create` refuses with one line, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnx_models
from edge_common.bundle import BundleError
from edgectl.bundle.create import create_bundle
from edgectl_support import Run, X


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["--name", "Bad Name"], "model.toml: name: want an RFC 1123 label", id="name"),
        pytest.param(["--version", "1"], "version: want a semantic version such as 1.2.0, found '1'", id="version"),
        pytest.param(["--task", "detection"], "answer.boxes: want the name of an output", id="detection"),
        pytest.param(["--answer", "bxes=y"], "--answer bxes: want one of boxes, scores", id="answer-key"),
        pytest.param(["--answer", "boxes"], "--answer: want name=value, found 'boxes'", id="answer-form"),
        pytest.param(
            ["--answer", "score=z"], "answer.score: want an output of the graph ['y'], found 'z'", id="output"
        ),
        pytest.param(["--image-input", "x"], "image.input: want UINT8 [N, H, W, 3], found FP32 [-1, 2]", id="image"),
        pytest.param(["--image-input", "z"], "image.input: want an input of the graph ['x'], found 'z'", id="no-image"),
        pytest.param(["--max-side", "3", "--image-input", "x"], "image.max_side: want 16 to 16384", id="max-side"),
        pytest.param(["--inputs", "none.npz"], "--inputs none.npz: ", id="inputs-missing"),
        pytest.param(["--labels", "none.txt"], "none.txt: no such file", id="labels-missing"),
        pytest.param(["--shape", "x=1,3"], "--shape x: want [-1, 2] (-1 is any), found [1, 3]", id="shape"),
        pytest.param(
            ["--shape", "x=a"], "--shape x: want whole numbers such as 1,480,640,3, found 'a'", id="shape-text"
        ),
        pytest.param(["--shape", "x=-1,2"], "--shape x: want no negative extent", id="shape-negative"),
        pytest.param(["--shape", "z=1"], "--shape z: want one of the inputs ['x'], found 'z'", id="shape-name"),
        pytest.param(["--p95-ms", "0"], "budget.p95_ms: want a number above 0", id="budget"),
        pytest.param(["--atol", "inf"], "golden.atol: want a number from 0 to 1e9, found inf", id="atol"),
        pytest.param(["--out", "/dev/null/x"], "/dev/null/x: cannot be written: file exists", id="out"),
        pytest.param(["--out", "/dev/null"], "/dev/null: want a directory to write, found a file", id="out-file"),
    ],
)
def test_create_refuses(tmp_path: Path, run: Run, arguments: list[str], text: str) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    code, out, err = run(
        "bundle", "create", graph, "--name", "m", "--version", "1.0.0", "--out", tmp_path / "m", *arguments
    )
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert text in err
    assert "/.m." not in err, "the hidden directory is nobody's business"
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(
    ("feed", "text"),
    [
        pytest.param({}, "input 'x': want FP32 [-1, 2], found no such array", id="missing"),
        pytest.param({"x": np.zeros((1, 2))}, "want FP32 [-1, 2], found float64 [1, 2]", id="type"),
        pytest.param({"x": np.zeros(2, "f4")}, "want FP32 [-1, 2], found float32 [2]", id="shape"),
        pytest.param(X | {"z": X["x"]}, "want inputs ['x'], found 'z'", id="unknown"),
    ],
)
def test_inputs_that_do_not_fit(tmp_path: Path, feed: dict[str, Any], text: str) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    with pytest.raises(BundleError) as fault:
        create_bundle(graph, tmp_path / "m", name="m", version="1.0.0", inputs=[feed])
    assert text in str(fault.value)
    assert not (tmp_path / "m").exists()


def test_a_graph_that_answers_differently_each_time(tmp_path: Path) -> None:
    graph = onnx_models.dice(tmp_path / "dice.onnx")
    with pytest.raises(BundleError, match="want a graph that gives the same answer twice"):
        create_bundle(graph, tmp_path / "d", name="d", version="1.0.0", inputs=[{"x": np.zeros(4, np.float32)}])


@pytest.mark.parametrize("file", ["../other.md", "model.toml", "golden", "a/b.md"])
def test_an_extra_file_is_beside_the_others(tmp_path: Path, file: str) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    with pytest.raises(BundleError, match="extra: want a file name of its own"):
        create_bundle(graph, tmp_path / "m", name="m", version="1.0.0", inputs=[], extra={file: "text"})
    assert not (tmp_path / "m").exists()


def test_create_names_the_file_or_the_option_at_fault(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "net.onnx")
    two = onnx_models.two_inputs(tmp_path / "two.onnx")
    for name, array in (("good", X["x"]), ("bad", np.ones((1, 2)))):
        np.savez(tmp_path / f"{name}.npz", allow_pickle=False, x=array)
    identity = ("--name", "net", "--version", "1.0.0", "--out", tmp_path / "out")
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    for arguments, text in (
        (
            (graph, *identity, "--inputs", good, "--inputs", bad),
            f"--inputs {bad}: input 'x': want FP32 [-1, 2], found float64",
        ),
        ((graph, *identity, "--max-side", 5), "--max-side: want --image-input too"),
        ((tmp_path, *identity), f"{tmp_path}: "),
        ((two, *identity, "--shape", "a=2", "--shape", "b=3"), "give --inputs, or --shape"),
    ):
        code, _, err = run("bundle", "create", *arguments)
        assert (code, err.count("\n")) == (2, 1) and text in err, err
    assert not (tmp_path / "out").exists()
