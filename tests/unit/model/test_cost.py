"""What a graph costs: measured in a process of its own, which may die without taking edgectl along."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import onnx_models
from edgectl.model.cost import cost_of, pair, percentiles, size_of
from edgectl.model.costchild import memory
from edgectl.model.costproc import feed_file, process
from edgectl.model.errors import ModelError
from model_graphs_cost import convolution

X = {"x": np.ones((1, 2), np.float32)}
_ROLLUP = """5581-7ffd ---p 00000000 00:00 0 [rollup]
Rss:               30000 kB
Pss:               12000 kB
Pss_Dirty:          9000 kB
Pss_Anon:           9000 kB
Pss_File:           3000 kB
Anonymous:         10000 kB
"""


def test_cost(tmp_path: Path) -> None:
    cost = cost_of(onnx_models.linear(tmp_path / "m.onnx"), X, seconds=0.05)
    assert cost.size_bytes == (tmp_path / "m.onnx").stat().st_size
    assert 0 < cost.p50_ms <= cost.p95_ms <= cost.p99_ms
    assert cost.load_ms > 0
    assert 0 < cost.pss_mb < 100
    assert 0 < cost.per_s < 1e6


def test_pair_tells_the_slow_from_the_fast(tmp_path: Path) -> None:
    heavy, light = (onnx_models.slow(tmp_path / f"{side}.onnx", side=side) for side in (192, 4))
    slow, fast = pair(heavy, light, {"steps": np.array([3], np.int64)}, seconds=0.1)
    assert slow.p50_ms > 3 * fast.p50_ms
    assert slow.size_bytes > fast.size_bytes


def test_text_goes_in(tmp_path: Path) -> None:
    assert cost_of(onnx_models.echo(tmp_path / "m.onnx"), {"text": np.array(["ä", ""], object)}, seconds=0.02).per_s > 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"threads": 0}, "threads: want 1 to 256, found 0", id="no-threads"),
        pytest.param({"seconds": 0.0}, "seconds: want more than 0", id="no-time"),
        pytest.param(
            {"level": "most"}, "level: want one of none, basic, extended, layout, all, found 'most'", id="level"
        ),
        pytest.param({"feed": {"z": X["x"]}}, "ONNX Runtime refuses: Required inputs", id="another-input"),
        pytest.param({"feed": {"x": np.ones((1, 9), np.float32)}}, "ONNX Runtime refuses: Got invalid dim", id="shape"),
    ],
)
def test_refused(tmp_path: Path, given: dict[str, object], words: str) -> None:
    options = {"feed": X, "seconds": 0.01} | given
    with pytest.raises(ModelError, match=words):
        cost_of(onnx_models.linear(tmp_path / "m.onnx"), **options)  # type: ignore[arg-type]


def test_no_graph(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model at all")
    with pytest.raises(ModelError, match="ONNX Runtime refuses: Protobuf parsing failed"):
        cost_of(tmp_path / "m.onnx", X, seconds=0.01)
    with pytest.raises(ModelError, match=r"want an \.onnx file, found nothing there"):
        cost_of(tmp_path / "other.onnx", X, seconds=0.01)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(signal.SIGKILL, "was killed .SIGKILL.: most likely it needs more memory", id="out-of-memory"),
        pytest.param(signal.SIGSEGV, "died of SIGSEGV: ONNX Runtime does not survive this graph", id="crash"),
    ],
)
def test_a_child_that_dies_is_one_line(tmp_path: Path, number: signal.Signals, words: str) -> None:
    with process(onnx_models.linear(tmp_path / "m.onnx")) as child, feed_file(X) as feed:
        child.load(feed, 1, "all")
        os.kill(child.pid, number)
        with pytest.raises(ModelError, match=words) as caught:
            child.run(0.1)
    assert "\n" not in str(caught.value)


def test_a_run_that_never_ends_is_given_up(tmp_path: Path) -> None:
    endless = onnx_models.slow(tmp_path / "m.onnx")
    with process(endless, limit_s=0.05) as child, feed_file({"steps": np.array([1], np.int64)}) as feed:
        child.load(feed, 1, "all")
        with pytest.raises(ModelError, match=r"want an answer within 0\.051 s"):
            child.run(0.001, least=10**6)
    assert not Path(f"/proc/{child.pid}").exists()


def test_memory_counts_shared_files_in_full() -> None:
    assert memory(_ROLLUP) == (9000 + 30000 - 10000) * 1024


def test_size_counts_weights_beside_the_file(tmp_path: Path) -> None:
    import onnx

    model = onnx.load_model(str(convolution(tmp_path / "m.onnx")))
    onnx.save_model(model, str(tmp_path / "e.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    assert size_of(tmp_path / "e.onnx") == sum((tmp_path / name).stat().st_size for name in ("e.onnx", "w.bin"))
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match="want the weights of"):
        size_of(tmp_path / "e.onnx")


@settings(deadline=None)  # a loaded machine is slow now and then
@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200))
def test_percentiles_are_in_order_and_among_the_runs(runs: list[int]) -> None:
    p50, p95, p99 = percentiles(runs)
    assert min(runs) / 1e6 <= p50 * (1 + 1e-9)
    assert p50 <= p95 * (1 + 1e-9)
    assert p99 <= max(runs) / 1e6 * (1 + 1e-9)
