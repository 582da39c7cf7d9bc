"""Temporary files: a full or missing disk of theirs is said to be that, and not the output's."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import onnx
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

import model_graphs_quantise as graphs
import onnx_models
from edgectl.model.errors import ModelError
from edgectl.model.scratch import filling_scratch, scratch
from edgectl_support import Run


def test_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyError), scratch() as folder:
        (folder / "file").write_text("x")
        raise KeyError
    assert folder.parent == tmp_path and not list(tmp_path.iterdir())


def test_what_others_do_inside_is_theirs() -> None:
    with pytest.raises(FileNotFoundError), scratch() as folder:
        (folder / "none").read_text()
    with pytest.raises(ModelError, match=r"no such file or directory; make room .* TMPDIR"), filling_scratch():
        (folder / "none").read_text()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["bench", "--cpus", "all", "--seconds", "0.1"], id="bench"),
        pytest.param(["profile"], id="profile"),
        pytest.param(["optimise", "--output", "OUT"], id="optimise"),
        pytest.param(["quantise", "--output", "OUT"], id="quantise"),
    ],
)
def test_no_such_directory(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    words = [str(tmp_path / "out.onnx") if word == "OUT" else word for word in command]
    code, out, err = run("model", *words, graphs.mlp(tmp_path / "m.onnx", 16))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert f"edgectl: {tmp_path}/nowhere: cannot be written: no such file or directory; make room" in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def _full(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_one_has_no_room_for_the_feed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    monkeypatch.setattr(np, "savez", _full)
    code, _, err = run("model", "optimise", graph, "--output", tmp_path / "out.onnx")
    assert code == 2 and f"{tempfile.gettempdir()}: cannot be written: no space left on device; make room" in err


def test_a_full_one_has_no_room_for_the_graph(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a disk that is full ONNX Runtime says that protobuf failed: as little as of a file that is no graph."""
    graph = onnx_models.doubler(tmp_path / "m.onnx")
    save_refused = RuntimeException("[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Protobuf serialization failed.")
    monkeypatch.setattr("onnxruntime.InferenceSession", _raising(save_refused))
    code, _, err = run("model", "optimise", graph, "--output", tmp_path / "out.onnx")
    assert code == 2 and "m.onnx: ONNX Runtime" in err and "TMPDIR" not in err
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=17))
    code, _, err = run("model", "optimise", graph, "--output", tmp_path / "out.onnx")
    assert code == 2 and f"{tempfile.gettempdir()}: cannot be written: no space left on device; make room" in err


def _raising(fault: Exception) -> Callable[..., NoReturn]:
    def session(*_: Any, **__: Any) -> NoReturn:
        raise fault

    return session


def test_a_full_one_has_no_room_for_the_calibrator(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graphs.cnn(tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=graphs.quadrants(4, 1)[0])
    monkeypatch.setattr(onnx, "save_model", _full)
    options = ("--output", tmp_path / "out.onnx", "--calibration", tmp_path / "d.npz")
    code, _, err = run("model", "quantise", graph, *options)
    assert code == 2 and f"{tempfile.gettempdir()}: cannot be written: no space left on device; make room" in err
