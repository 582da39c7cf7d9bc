"""`edgectl bundle check`: what is broken or different is one line and an exit code; `inspect` says the same of what is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnx_models
from edge_common.bundle import read_bundle
from edge_common.golden import load_golden, save_golden
from edgectl_support import Run, X


def test_check_says_ok(bundle: Path, run: Run) -> None:
    sha256 = read_bundle(bundle).check_hash()
    assert run("bundle", "check", bundle) == (
        0,
        f"doubler 1.0.0: ok: sha256 {sha256[:12]}, 1 golden samples agree\n",
        "",
    )


def test_check_of_a_bare_graph(tmp_path: Path, run: Run) -> None:
    code, out, _ = run("bundle", "check", onnx_models.doubler(tmp_path / "My Graph.onnx"))
    assert code == 0
    assert out.startswith("my-graph 1: ok: ") and out.endswith("no golden samples\n")


def test_check_says_what_differs(bundle: Path, run: Run) -> None:
    save_golden(bundle / "golden" / "000.npz", X, {"y": np.array([[2, 4.5]], np.float32)})
    text = "edgectl: doubler 1.0.0: golden 000: output 'y' at [0, 1]: want 4.5, got 4 (1 of 2 values differ)\n"
    assert run("bundle", "check", bundle) == (3, "", text)


def _flip(bundle: Path) -> None:
    content = bytearray((bundle / "model.onnx").read_bytes())
    content[20] ^= 1
    (bundle / "model.onnx").write_bytes(content)


def _typo(bundle: Path) -> None:
    file = bundle / "model.toml"
    file.write_text(file.read_text().replace("version", "vresion"))


def _other_graph(bundle: Path) -> None:
    golden = bundle / "golden" / "000.npz"
    save_golden(golden, {"z": X["x"]}, load_golden(golden).outputs)


def _answer(bundle: Path) -> None:
    file = bundle / "model.toml"
    file.write_text(file.read_text() + '\n[answer]\nprobabilities = "p"\n')


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(_flip, "model.toml: file.sha256: want ", id="one-bit"),
        pytest.param(_typo, "model.toml: vresion: unknown key; did you mean 'version'?", id="typo"),
        pytest.param(_other_graph, "golden 000: want inputs ['x'] as the graph has them, found ['z']", id="golden"),
        pytest.param(_answer, "answer.probabilities: want an output of the graph ['y'], found 'p'", id="answer"),
        pytest.param(
            lambda path: (path / "golden" / "000.npz").write_bytes(b"PK"), "found: File is not a zip", id="npz"
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "inspect"])
def test_a_broken_bundle(bundle: Path, run: Run, command: str, change: Callable[[Path], Any], text: str) -> None:
    change(bundle)
    code, out, err = run("bundle", command, bundle)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("edgectl: ") and text in err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"\x08\x0a garbage", "cannot load it: ", id="garbage"),
        pytest.param(b"", "cannot load it: ", id="empty"),
        pytest.param(None, " cannot load it: ONNX Runtime only *guarantees* ", id="unknown-opset"),
    ],
)
def test_a_graph_that_does_not_load(tmp_path: Path, run: Run, content: bytes | None, text: str) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx", opset=99)
    if content is not None:
        graph.write_bytes(content)
    for arguments in (
        ["check", graph],
        ["create", graph, "--name", "m", "--version", "1.0.0", "--out", tmp_path / "m"],
    ):
        code, _, err = run("bundle", *arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert "ONNX Runtime" in err and text in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
