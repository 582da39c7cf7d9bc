"""`edgectl bundle`: what is created passes its check, what is broken or different is one line and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import onnx_models
from edge_common import manifest
from edge_common.bundle import BundleError, read_bundle
from edge_common.golden import load_golden, save_golden
from edge_common.manifest import Answer, Budget, Image, Metric, Source
from edgectl.bundle import flags
from edgectl.bundle.create import create_bundle
from edgectl.main import app, main

X = {"x": np.array([[1, 2]], np.float32)}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call edgectl with arguments; return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgectl", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code if isinstance(left.value.code, int) else 0, out, err

    return call


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """x -> y = 2 x, with one golden sample."""
    graph = onnx_models.doubler(tmp_path / "doubler.onnx")
    return create_bundle(graph, tmp_path / "doubler", name="doubler", version="1.0.0", inputs=[X]).directory


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


def test_inspect(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "linear.onnx")
    create_bundle(graph, tmp_path / "linear", name="linear", version="2.0.0", inputs=[X, X], description="[b]ones")
    code, out, _ = run("bundle", "inspect", tmp_path / "linear", "--json")
    facts = json.loads(out)
    assert code == 0
    assert (facts["operators"], facts["parameters"], facts["tree_nodes"], facts["quantised"]) == (
        {"MatMul": 1},
        6,
        0,
        "no",
    )
    assert (facts["ir_version"], facts["opsets"], facts["size_bytes"]) == (10, {"ai.onnx": 18}, graph.stat().st_size)
    assert facts["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert facts["golden"] == {"samples": 2, "agree": 2, "differences": []}
    code, out, _ = run("bundle", "inspect", tmp_path / "linear")
    assert code == 0
    assert all(
        word in out for word in ["linear 2.0.0", facts["sha256"][:32], "MatMul", "[any, 3]", "2 of 2 agree", "[b]ones"]
    )


def test_inspect_shows_a_difference(bundle: Path, run: Run) -> None:
    save_golden(bundle / "golden" / "000.npz", X, {"y": np.array([[2, 4.5]], np.float32)})
    code, out, _ = run("bundle", "inspect", bundle, "--json")
    assert (code, json.loads(out)["golden"]["agree"]) == (0, 0)


def test_quantised_is_said(tmp_path: Path, run: Run) -> None:
    _, out, _ = run("bundle", "inspect", onnx_models.quantised(tmp_path / "q.onnx"), "--json")
    assert json.loads(out)["quantised"] == "int8"


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
    assert out == f"net 1.0.0-rc.1: written to {tmp_path / 'out' / 'net'} with 2 golden samples\n"
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


def test_help_and_version() -> None:
    runner = CliRunner()
    assert "bundle" in runner.invoke(app, ["--help"]).output
    assert "edgectl bundle create pump.onnx" in " ".join(
        runner.invoke(app, ["bundle", "create", "--help"]).output.split()
    )
    assert runner.invoke(app, ["--version"]).output.startswith("edgectl 0.")
    assert runner.invoke(app, ["bundel"]).exit_code == 2


def test_tasks_are_the_manifests() -> None:
    assert get_args(flags.Task) == get_args(manifest.Task)


def test_the_real_command(bundle: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "edgectl"), "bundle", "check"]
    good = subprocess.run([*command, bundle], capture_output=True, text=True, timeout=60, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    bad = subprocess.run([*command, tmp_path / "none"], capture_output=True, text=True, timeout=60, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert (
        bad.stderr == f"edgectl: {tmp_path / 'none'}: want a bundle directory or an .onnx file, found nothing there\n"
    )


def test_help_waits_for_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv = ['edgectl', 'bundle', '--help']\n"
        "from edgectl.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numpy', 'onnx', 'onnxruntime', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


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
