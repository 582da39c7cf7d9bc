"""The kept graph: found only when whole and made for this model, and never the cause of a failed start."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

import onnx_models
from edge_inference.cache import KEEP, GraphCache, cpu_flags
from edge_inference.engine import Engine


def _kept(
    directory: Path, content: bytes = b"graph", sha256: str = "a", threads: int = 1, name: str = "m"
) -> GraphCache:
    cache = GraphCache(directory, name, sha256, threads)
    cache.fill(lambda path: path.write_bytes(content))
    return cache


def test_a_miss_then_a_hit(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet"
    assert GraphCache(directory, "m", "a", 1).find() is None
    _kept(directory)
    found = GraphCache(directory, "m", "a", 1).find()
    assert found is not None and found.read_bytes() == b"graph"
    assert sorted(path.suffix for path in directory.iterdir()) == [".onnx", ".sha256"]


@pytest.mark.parametrize(("sha256", "threads"), [("b", 1), ("a", 2)])
def test_another_models_or_options_entry_is_foreign(tmp_path: Path, sha256: str, threads: int) -> None:
    _kept(tmp_path)
    assert GraphCache(tmp_path, "m", sha256, threads).find() is None


def test_another_machines_entry_is_foreign(tmp_path: Path) -> None:
    _kept(tmp_path)
    assert GraphCache(tmp_path, "m", "a", 1, cpu=cpu_flags()).find() is not None
    assert GraphCache(tmp_path, "m", "a", 1, cpu="flags: of another CPU").find() is None


def test_models_that_share_a_directory_leave_each_other_alone(tmp_path: Path) -> None:
    for name in ("belt", "belt-2", "pump"):
        for sha256 in ("a", "b"):
            _kept(tmp_path, sha256=sha256, name=name)
    for name in ("belt", "belt-2", "pump"):
        assert GraphCache(tmp_path, name, "a", 1).find() is not None


def test_what_a_killed_process_left_aside_goes_and_a_fresh_one_stays(tmp_path: Path) -> None:
    """Only what is old: another replica may be saving this very moment."""
    left, fresh = (Path(tempfile.mkdtemp(dir=tmp_path, prefix=".saving-")) for _ in range(2))
    (left / "graph.onnx").write_bytes(b"half")
    os.utime(left, (0, 0))
    _kept(tmp_path)
    assert not left.exists() and fresh.exists()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".onnx", b"grapi"),
        (".onnx", b""),
        (".sha256", b""),
        (".sha256", b"\xff\xfe"),
        (".onnx", None),
        (".sha256", None),
    ],
)
def test_a_damaged_entry_is_a_miss_and_is_made_anew(tmp_path: Path, suffix: str, content: bytes | None) -> None:
    cache = _kept(tmp_path)
    (file,) = tmp_path.glob(f"*{suffix}")
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert cache.find() is None
    _kept(tmp_path)
    assert cache.find() is not None


def test_only_the_newest_entries_are_kept(tmp_path: Path) -> None:
    for age in range(KEEP + 2):
        _kept(tmp_path, sha256=str(age))
        for path in tmp_path.glob("*.onnx"):
            stat = path.stat()
            os.utime(path, (stat.st_atime, stat.st_mtime - 10))
    assert len(list(tmp_path.glob("*.onnx"))) == len(list(tmp_path.glob("*.sha256"))) == KEEP
    assert GraphCache(tmp_path, "m", str(KEEP + 1), 1).find() is not None
    assert GraphCache(tmp_path, "m", "0", 1).find() is None


def test_a_directory_that_cannot_be_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    _kept(tmp_path / "file")
    assert "not kept" in caplog.text


def _double(engine: Engine) -> list[list[float]]:
    (y,) = engine.run({"x": np.array([[1, 2]], np.float32)})
    return y.tolist()  # type: ignore[no-any-return]


def test_the_engine_uses_the_entry_and_answers_the_same(tmp_path: Path) -> None:
    model, cache = onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "cache"
    first, second = (Engine.open(model, "a", threads=1, cache_dir=cache) for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert _double(first) == _double(second) == [[2, 4]]


def test_a_whole_entry_that_onnx_runtime_refuses_is_passed_over(tmp_path: Path) -> None:
    model, cache = onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "cache"
    _kept(cache, b"no graph at all")
    engine = Engine.open(model, "a", threads=1, cache_dir=cache)
    assert not engine.cached and _double(engine) == [[2, 4]]
    assert Engine.open(model, "a", threads=1, cache_dir=cache).cached


def test_a_graph_that_cannot_be_written_does_not_stop_the_start(tmp_path: Path) -> None:
    """The digest's name is taken by a directory: the rename into place fails, as a full disk would."""
    model, cache = onnx_models.doubler(tmp_path / "m.onnx"), tmp_path / "cache"
    Engine.open(model, "a", threads=1, cache_dir=cache)
    (digest,) = cache.glob("*.sha256")
    digest.unlink()
    digest.mkdir()
    (digest / "in-the-way").touch()
    engine = Engine.open(model, "a", threads=1, cache_dir=cache)
    assert _double(engine) == [[2, 4]] and not engine.cached
    assert list(cache.glob(".saving-*")) == []
