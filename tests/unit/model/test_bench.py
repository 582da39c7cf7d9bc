"""`edgectl model bench` as its user calls it, and its plan, batches and rows."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from edge_common.bundle import BundleError
from edge_common.target import this_target
from edgectl.bundle.create import create_bundle
from edgectl.bundle.graph import TARGET, target_text
from edgectl.model.bench.chart import draw
from edgectl.model.bench.plan import Setup, setups
from edgectl.model.bench.rows import INSIDE, SERVICE, Row, figure, label, timed
from edgectl.model.bench.target import open_target
from edgectl.model.errors import ModelError
from edgectl_support import Run, X

QUICK = ("--threads", "1", "--cpus", "all", "--seconds", "0.1")
_PNG = b"\x89PNG\r\n\x1a\n"


def _row(way: str = INSIDE, p50: float = 1.0, cpus: float | None = None, threads: int | None = 1) -> Row:
    return Row(way, threads, cpus, 1, 5.0, 10.0, 100, p50, 2 * p50, 3 * p50, 1000 / p50)


def test_bench_writes_figures_and_a_chart(tmp_path: Path, run: Run) -> None:
    create_bundle(onnx_models.linear(tmp_path / "m.onnx"), tmp_path / "b", name="linear", version="2.0.0", inputs=[X])
    out = tmp_path / "out"
    code, text, _ = run("model", "bench", tmp_path / "b", *QUICK, "--batch", "1,8", "--json", "--output", out)
    facts = json.loads(text)
    assert (code, facts) == (0, json.loads((out / "bench.json").read_text()))
    assert (facts["name"], facts["inputs"], facts["inputs_from"]) == (
        "linear",
        {"x": "FP32 [1, 2]"},
        "golden sample 000",
    )
    assert [(row["way"], row["threads"], row["cpus"], row["batch"]) for row in facts["rows"]] == [
        ("process", 1, None, 1),
        ("process", 1, None, 8),
    ]
    assert all(0 < row["p50_ms"] <= row["p99_ms"] and row["runs"] >= 10 for row in facts["rows"])
    assert (out / "bench.png").read_bytes().startswith(_PNG)
    code, text, err = run("model", "bench", tmp_path / "b", *QUICK, "--output", out)
    assert (code, text) == (2, "")
    assert "--force replaces it" in err


def test_bench_of_a_bare_graph_shows_a_table(tmp_path: Path, run: Run) -> None:
    code, text, _ = run("model", "bench", onnx_models.doubler(tmp_path / "twice.onnx"), *QUICK)
    assert code == 0
    assert all(word in text for word in ["twice 1", "process", "p95", "FP32 [1, 2]", "noise"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--threads", "many"], "--threads many: want numbers such as 1,2", id="no-number"),
        pytest.param(["--threads", "1,0"], "--threads 1,0: want 1 to 256, found 0", id="no-thread"),
        pytest.param(["--cpus", "0.01"], "--cpus 0.01: want 0.05 to", id="too-little"),
        pytest.param(["--cpus", "4096"], "found 4096; this process may use", id="more-than-there-are"),
        pytest.param(["--cpus", "half"], "--cpus half: want numbers such as 0.5,1,all", id="words"),
        pytest.param(["--batch", "5000"], "--batch 5000: want 1 to 4096", id="large-batch"),
        pytest.param(
            ["--shape", "x=0,2"], "noise: input 'x': want something to run on, found none: [0, 2]", id="empty"
        ),
        pytest.param(["--inputs", "EMPTY.npz"], "input 'x': want something to run on, found none: [0, 2]", id="rows"),
        pytest.param(
            ["--inputs", "EMPTY.npz", "--batch", "4"],
            "want something to run on, found none: [0, 2]",
            id="batch-of-none",
        ),
        pytest.param(
            ["--shape", "x=99999999999999,2"], "--shape x: want at most 134,217,728 elements, found", id="too-large"
        ),
        pytest.param(["--shape", "q=1"], "want one of the inputs ['x']", id="unknown-input"),
        pytest.param(["--inputs", "none.npz"], "--inputs none.npz: want an .npz", id="no-such-file"),
        pytest.param(["--service", "gateway"], "--service gateway: want http://host:port", id="no-url"),
        pytest.param(["--service", "http://127.0.0.1:1"], "want an answer, found: Failed to establish", id="nobody"),
    ],
)
def test_refused(tmp_path: Path, run: Run, options: list[str], words: str) -> None:
    np.savez(tmp_path / "EMPTY.npz", x=np.zeros((0, 2), np.float32))
    options = [str(tmp_path / word) if word == "EMPTY.npz" else word for word in options]
    code, out, err = run("model", "bench", onnx_models.doubler(tmp_path / "m.onnx"), "--seconds", "0.1", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_every_combination_once() -> None:
    assert setups("1,2,1", "0.5,all", "4") == [Setup(t, c, 4) for t in (1, 2) for c in (0.5, None)]
    with pytest.raises(ModelError, match="want at most 100 combinations, found 200"):
        setups(",".join(map(str, range(1, 201))), "all", None)


def test_defaults_have_limits_and_none() -> None:
    plan = setups(None, None, None)
    assert {setup.cpus for setup in plan} >= {0.5, None}
    assert plan[0].threads == 1


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40))
def test_a_batch_repeats_the_samples(batch: int) -> None:
    folder = Path(__file__).parents[3] / "models" / "pump-failure"
    target = open_target(folder)
    more = target.of_batch(batch)
    assert more.batch == batch
    first = target.feed["features"]
    assert np.array_equal(more.feed["features"], np.resize(first, (batch, *first.shape[1:])))


def test_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    target = open_target(onnx_models.brightness(tmp_path / "m.onnx"))
    assert target.of_batch(1).shapes() == {"image": "UINT8 [1, 120, 160, 3]"}
    with pytest.raises(
        ModelError, match=r"--batch 2: want an input with a free first axis, found image \[1, -1, -1, 3\]"
    ):
        target.of_batch(2)


def test_a_large_input_that_the_graph_itself_wants(tmp_path: Path) -> None:
    huge = onnx_models.save(
        tmp_path / "m.onnx",
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        [("x", onnx_models.FLOAT, [2**16, 2**16])],
        [("y", onnx_models.FLOAT, [2**16, 2**16])],
    )
    with pytest.raises(BundleError, match="input 'x': want at most 134,217,728 elements for noise"):
        open_target(huge)


def _laid_out(path: Path, cpu: list[str] | None = None) -> Path:
    """The doubler as if optimised on a machine like this, or with the CPU `cpu`."""
    target = this_target(onnxruntime.__version__)
    if cpu is not None:
        target = msgspec.structs.replace(target, cpu=cpu)
    model = onnx.load_model(str(onnx_models.doubler(path)))
    onnx.helper.set_model_props(model, {TARGET: target_text(target)})
    onnx.save_model(model, str(path))
    return path


def test_a_bare_graph_that_was_laid_out_is_taken_as_it_is(tmp_path: Path, run: Run) -> None:
    assert open_target(onnx_models.doubler(tmp_path / "any.onnx")).level == "all"
    here, there = _laid_out(tmp_path / "here.onnx"), _laid_out(tmp_path / "there.onnx", ["sve"])
    assert open_target(here).level == "none" == open_target(there).level
    for command in (("bench", *QUICK), ("profile", "--runs", "2")):
        notes = [json.loads(run("model", *command, graph, "--json")[1])["notes"] for graph in (here, there)]
        assert not any("another machine" in note for note in notes[0])
        assert any("there.onnx was optimised for another machine: cpu: want" in note for note in notes[1])


def test_throughput_counts_inputs() -> None:
    found = timed([1_000_000, 3_000_000], batch=8)
    assert (found["per_s"], found["runs"], found["p50_ms"]) == (4000.0, 2, 2.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.0083, "0.0083", id="microseconds"),
        pytest.param(0.0834, "0.083", id="tenth"),
        pytest.param(9.461, "9.46", id="ones"),
        pytest.param(23.41, "23.4", id="tens"),
        pytest.param(48713.9, "48,714", id="thousands"),
    ],
)
def test_figures_keep_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_labels_leave_out_what_all_have_in_common() -> None:
    rows = [_row(), _row(cpus=0.5, threads=2), _row(SERVICE, threads=None)]
    assert [label(row, rows) for row in rows] == ["1 thread, all CPUs", "2 threads, 0.5 CPU", "as it runs"]
    assert label(rows[0], rows[:1]) == "1 thread"


@pytest.mark.parametrize("spread", [pytest.param(1.0, id="linear"), pytest.param(500.0, id="logarithmic")])
def test_chart(tmp_path: Path, spread: float) -> None:
    draw([_row(), _row(SERVICE, p50=spread, cpus=0.5)], "m 1.0.0", "x FP32 [1, 2]", tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(_PNG)


def test_without_matplotlib_the_table_still_comes(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    graph, out = onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "out"
    code, text, err = run("model", "bench", graph, *QUICK, "--output", out)
    assert (code, "process" in text) == (0, True)
    assert (
        "no chart: want matplotlib, found no such package: pip install -e services/common -e 'services/edgectl[pictures]'"
        in err
    )
    assert [path.name for path in out.iterdir()] == ["bench.json"]
