"""`edgectl bundle create`: what is created passes its check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from edge_common.bundle import read_bundle
from edge_common.golden import load_golden
from edge_common.manifest import Answer, Budget, Image, Metric, Source
from edgectl.bundle.create import create_bundle
from edgectl_support import Run, X


def test_create_from_given_inputs(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "net.onnx")
    np.savez(tmp_path / "a.npz", allow_pickle=False, **X)
    (tmp_path / "l.txt").write_text("a\nb\nc\n")
    arguments = [
        "--name",
        "net",
        "--version",
        "1.0.0-rc.1",
        "--task",
        "classification",
        "--out",
        tmp_path / "out" / "net",
    ]
    arguments += [
        "--inputs",
        tmp_path / "a.npz",
        "--generate",
        1,
        "--answer",
        "probabilities=y",
        "--labels",
        tmp_path / "l.txt",
    ]
    code, out, err = run("bundle", "create", graph, *arguments, "--p95-ms", 5, "--description", 'the "net"')
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"net 1.0.0-rc.1: written to {tmp_path / 'out' / 'net'} with 2 golden samples"
    made = read_bundle(tmp_path / "out" / "net")
    assert (made.labels, made.answer.probabilities, made.budget.p95_ms) == (("a", "b", "c"), "y", 5)
    golden = load_golden(made.golden_files[0])
    assert golden.inputs["x"].tolist() == [[1, 2]] and golden.outputs["y"].tolist() == [[3, 3, 3]]
    assert run("bundle", "check", made.directory)[0] == 0


def test_create_writes_beside_where_it_is_called(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graph = onnx_models.echo(tmp_path / "echo.onnx")
    assert run("bundle", "create", graph, "--name", "echo", "--version", "1.0.0")[0] == 0
    first = load_golden(tmp_path / "echo" / "golden" / "000.npz")
    assert isinstance(first.inputs["text"][0], str) and first.outputs["said"].tolist() == first.inputs["text"].tolist()
    code, _, err = run("bundle", "create", graph, "--name", "echo", "--version", "1.0.1")
    assert (code, err) == (
        2,
        "edgectl: echo: want a new or an empty directory, found files in it; --force replaces the bundle there\n",
    )
    assert run("bundle", "create", graph, "--name", "echo", "--version", "1.0.1", "--force", "--generate", "1")[0] == 0
    assert read_bundle(tmp_path / "echo").version == "1.0.1"
    assert [path.name for path in (tmp_path / "echo" / "golden").iterdir()] == ["000.npz"]


def test_create_with_an_image(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.brightness(tmp_path / "b.onnx")
    arguments = [
        "--name",
        "b",
        "--version",
        "1.0.0",
        "--out",
        tmp_path / "b",
        "--image-input",
        "image",
        "--max-side",
        "320",
    ]
    assert run("bundle", "create", graph, *arguments)[0] == 0
    made = read_bundle(tmp_path / "b")
    assert made.image == Image(input="image", max_side=320)
    assert load_golden(made.golden_files[1]).inputs["image"].shape == (1, 120, 160, 3)
    assert run("bundle", "create", graph, *arguments, "--force", "--shape", "image=1,8,9,3")[0] == 0
    assert load_golden(made.golden_files[1]).inputs["image"].shape == (1, 8, 9, 3)


def test_force_keeps_what_is_not_the_bundles(bundle: Path) -> None:
    (bundle / "recipe.py").write_text("print()")
    graph = bundle / "model.onnx"
    made = create_bundle(
        graph, bundle, name="doubler", version="2.0.0", inputs=[], extra={"README.md": "# Card"}, force=True
    )
    assert made.version == "2.0.0" and made.golden_files == ()
    assert sorted(p.name for p in bundle.iterdir()) == ["README.md", "golden", "model.onnx", "model.toml", "recipe.py"]
    assert list((bundle / "golden").iterdir()) == []


words = st.text(st.characters(codec="utf-8"), max_size=20)
figures = st.floats(0.001, 1e6, allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(
    name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True),
    version=st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts))),
    task=st.sampled_from(["tensor", "anomaly", "tabular"]),
    description=words,
    tolerance=st.floats(0, 1),
    budget=st.builds(Budget, p95_ms=st.none() | figures, memory_mb=st.none() | figures, enforce=st.booleans()),
    source=st.builds(
        Source,
        framework=st.none() | words,
        tools=st.dictionaries(words, words, max_size=3),
        metric=st.none() | st.builds(Metric, name=st.text("abc@. ", min_size=1), original=st.none() | figures),
    ),
    values=st.lists(st.floats(width=32), max_size=3),
)
def test_what_is_created_is_read(tmp_path_factory: pytest.TempPathFactory, values: list[float], **said: Any) -> None:
    folder = tmp_path_factory.mktemp("create")
    graph = onnx_models.doubler(folder / "m.onnx")
    tolerance = said.pop("tolerance")
    inputs = [{"x": np.array([[value, 1]], np.float32)} for value in values]
    answer = Answer(score="y")
    made = create_bundle(graph, folder / "m", inputs=inputs, rtol=tolerance, atol=tolerance, answer=answer, **said)
    assert made == read_bundle(folder / "m")
    assert {key: getattr(made, key) for key in said} == said
    assert (made.golden.rtol, made.golden.atol, made.answer) == (tolerance, tolerance, answer)
    assert len(made.golden_files) == len(values)
