"""Stopped from outside: by SIGTERM, SIGHUP or Ctrl-C nothing is left behind, and a killed edgectl leaves no process running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import model_graphs_quantise as graphs
import onnx_models
from live import until

pytestmark = pytest.mark.process

_EDGECTL = str(Path(sys.executable).parent / "edgectl")


def _started(tmp_path: Path, *arguments: object) -> subprocess.Popen[bytes]:
    (tmp_path / "tmp").mkdir()
    env = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    command = [_EDGECTL, "model", *map(str, arguments)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _children(edgectl: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [each for each in psutil.Process(edgectl.pid).children() if "edgectl.model.costchild" in each.cmdline()]


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        pytest.param(signal.SIGTERM, 143, b"edgectl: terminated before it was done\n", id="SIGTERM"),
        pytest.param(signal.SIGHUP, 129, b"edgectl: terminated before it was done\n", id="SIGHUP"),
        pytest.param(signal.SIGINT, 130, b"edgectl: interrupted before it was done\n", id="Ctrl-C"),
    ],
)
def test_nothing_is_left(tmp_path: Path, number: signal.Signals, code: int, words: bytes) -> None:
    model = graphs.mlp(tmp_path / "m.onnx", 16)
    options = ("--output", tmp_path / "out.onnx", "--max-drop", "100%", "--seconds", 600)
    quantising = _started(tmp_path, "quantise", model, *options)
    # Quantised, and timed for minutes: the output aside, the feed and two processes are there.
    until(lambda: len(_children(quantising)) == 2, "two processes that are timed")
    children = _children(quantising)
    assert list(tmp_path.glob(".out.onnx.*")) and list((tmp_path / "tmp").iterdir())
    quantising.send_signal(number)
    _, err = quantising.communicate(timeout=30)
    assert (quantising.returncode, err) == (code, words)
    assert not list(tmp_path.glob(".out.onnx.*")) and not list((tmp_path / "tmp").iterdir())
    assert not psutil.wait_procs(children, 10)[1]


def test_a_terminal_that_hangs_up_does_not_stop_what_runs_under_nohup(tmp_path: Path) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        benching = _started(tmp_path, "bench", graph, "--threads", "1", "--cpus", "all", "--seconds", 1)
    finally:
        signal.signal(signal.SIGHUP, usual)
    until(lambda: _children(benching) != [], "a process that runs the graph")
    benching.send_signal(signal.SIGHUP)
    _, err = benching.communicate(timeout=30)
    assert benching.returncode == 0 and b"terminated" not in err


def test_what_measures_dies_with_a_killed_edgectl(tmp_path: Path) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    benching = _started(tmp_path, "bench", graph, "--threads", "1", "--cpus", "all", "--seconds", 600)
    until(lambda: any(each.cpu_times().user > 0.3 for each in _children(benching)), "a process that runs the graph")
    children = _children(benching)
    benching.kill()
    benching.communicate(timeout=30)
    assert children and not psutil.wait_procs(children, 10)[1]
