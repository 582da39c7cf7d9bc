"""What is written aside and renamed: nothing of anybody else is deleted, nothing is lost on the way."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import model_graphs_verify as graphs
from edge_common.bundle import read_bundle
from edgectl.bundle.create import create_bundle
from edgectl.deferred import deferred
from edgectl.model.aside import Kind, vacant, written
from edgectl.model.errors import ModelError
from edgectl_support import Run


def folder(path: Path, *files: str) -> Path:
    """A directory in which each file holds its own name."""
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def held(path: Path) -> dict[str, str]:
    return {str(each.relative_to(path)): each.read_text() for each in sorted(path.rglob("*")) if each.is_file()}


def write(path: Path, *files: str, force: bool = True) -> None:
    """Write a directory of `files`, each saying "new"; without any a file."""
    with written(path, force) as aside:
        for name in files:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_text("new")
        if not files:
            aside.write_text("new")


def test_files_that_are_not_ours_stay_in_a_bundle(tmp_path: Path) -> None:
    bundle = folder(tmp_path / "pf", "model.toml", "model.onnx", "golden/000.npz", "golden/001.npz", "recipe.py", "d/x")
    (bundle / "link").symlink_to("recipe.py")
    (bundle / "empty").mkdir()
    write(bundle, "model.toml", "model.onnx", "golden/000.npz")
    new = dict.fromkeys(("model.toml", "model.onnx", "golden/000.npz"), "new")
    assert held(bundle) == new | {"recipe.py": "recipe.py", "d/x": "d/x", "link": "recipe.py"}
    assert (bundle / "link").is_symlink() and (bundle / "empty").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["pf"]


@pytest.mark.parametrize("marker", ["model.toml", "bench.json", "worst.json", "oci-layout"])
def test_what_edgectl_wrote_is_replaced(tmp_path: Path, marker: str) -> None:
    write(folder(tmp_path / "out", marker, "notes.txt"), marker)
    assert held(tmp_path / "out") == {marker: "new", "notes.txt": "notes.txt"}


@pytest.mark.parametrize(("there", "kind", "wrong"), [
    pytest.param("folder/notes.txt", "directory", "want a directory that edgectl wrote", id="foreign-directory"),
    pytest.param("folder/notes.txt", "file", "want a (file to replace|directory that edgectl)", id="file-for-directory"),
    pytest.param("folder/model.toml", "file", "want a file to replace, found a directory", id="file-for-bundle"),
    pytest.param("folder", "directory", "want a directory to replace, found a file", id="directory-for-file"),
])  # fmt: skip
@pytest.mark.parametrize("said", [True, False], ids=["sooner", "at-the-end"])
def test_what_is_of_another_kind_is_refused(tmp_path: Path, there: str, kind: Kind, wrong: str, said: bool) -> None:
    folder(tmp_path, there)
    was = held(tmp_path)
    with pytest.raises(ModelError, match=wrong), written(tmp_path / "folder", True, kind if said else None) as aside:
        if kind == "directory":
            aside.mkdir()
        else:
            aside.write_text("new")
    assert held(tmp_path) == was and len(list(tmp_path.iterdir())) == 1


def test_an_empty_directory_is_anyones(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "bench.json")
    assert held(tmp_path / "out") == {"bench.json": "new"}


@pytest.mark.parametrize("read", ["out", "out/in.npz", "link"])
def test_what_is_read_is_not_replaced(tmp_path: Path, read: str) -> None:
    folder(tmp_path / "out", "model.toml", "in.npz")
    (tmp_path / "link").symlink_to("out")
    with pytest.raises(ModelError, match=r"want a place beside what is read, found .*; give another name"):
        vacant(tmp_path / "out", True, reads=[None, tmp_path / read])
    vacant(tmp_path / "out", True, reads=[tmp_path / "output", tmp_path])


def test_a_step_that_writes_nothing_costs_nothing(tmp_path: Path) -> None:
    folder(tmp_path / "d", "model.toml")
    with pytest.raises(ModelError, match="want something written, found nothing"), written(tmp_path / "d", True):
        pass
    assert held(tmp_path) == {"d/model.toml": "model.toml"}


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
def test_what_was_there_comes_back_when_the_new_cannot_be_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    out = folder(tmp_path / "d", "model.toml", "mine.txt")

    def fails(self: Path, target: Path) -> None:
        assert target == out and not out.exists()
        raise stop

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises((ModelError, KeyboardInterrupt)):
        write(out, "model.toml")
    assert held(tmp_path) == {"d/model.toml": "model.toml", "d/mine.txt": "mine.txt"}


def test_a_link_to_a_directory_stays_one_and_a_dot_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "real", "model.toml", "mine.txt")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "model.toml")
    assert (tmp_path / "link").is_symlink() and held(tmp_path / "real") == {"model.toml": "new", "mine.txt": "mine.txt"}
    monkeypatch.chdir(tmp_path / "real")
    with pytest.raises(ModelError, match="found something there"):
        write(Path(), "model.toml", force=False)


def test_devices_are_not_replaced() -> None:
    with pytest.raises(ModelError, match="found a device or a pipe"):
        vacant(Path("/dev/null"), True, "file")


@pytest.mark.parametrize("arguments", [
    pytest.param(("quantise", "M", "--output", "LONG"), id="quantise"),
    pytest.param(("verify", "M", "M", "--worst", "LONG"), id="verify"),
    pytest.param(("bench", "M", "--output", "LONG"), id="bench"),
])  # fmt: skip
def test_a_name_that_is_too_long_is_one_line(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    names = {"M": graphs.classifier(tmp_path / "m.onnx"), "LONG": tmp_path / ("x" * 300)}
    code, out, err = run("model", *(names.get(each, each) for each in arguments))
    assert (code, out, err.count("\n")) == (2, "", 1) and "cannot be written: file name too long" in err


def test_signals_wait_for_the_end_of_what_belongs_together() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")
    assert done and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_bundle_is_whole_after_ctrl_c_among_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is there already, model.toml with its hash is still to come: Ctrl-C must not part them."""
    facts = {"name": "net", "inputs": [{"features": np.zeros((1, 4), np.float32)}]}
    out = tmp_path / "net"
    create_bundle(graphs.classifier(tmp_path / "a.onnx"), out, version="1.0.0", **facts)  # type: ignore[arg-type]
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        done = replace(self, target)
        if target.name == "model.onnx":
            os.kill(os.getpid(), signal.SIGINT)
        return done

    monkeypatch.setattr(Path, "replace", interrupted)
    wrong = graphs.classifier(tmp_path / "b.onnx", graphs.BIAS + np.float32(1))
    with pytest.raises(KeyboardInterrupt):
        create_bundle(wrong, out, version="2.0.0", force=True, **facts)  # type: ignore[arg-type]
    bundle = read_bundle(out)
    bundle.check_hash()
    assert bundle.version == "2.0.0" and len(list(tmp_path.glob(".*"))) == 0
