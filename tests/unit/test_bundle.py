"""Every fault of a bundle is one line that names the file, the key, what was wanted and what was found."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_common.bundle import BundleError, check_graph, read_bundle
from edge_common.tensors import TensorSpec

GRAPH = b"not read by these tests"
SHA = hashlib.sha256(GRAPH).hexdigest()
TOML = f"""schema = 1
name = "dock"
version = "1.2.0"
task = "detection"
description = "Parcels on the dock"

[file]
path = "model.onnx"
sha256 = "{SHA}"

[image]
input = "image"
max_side = 640

[answer]
boxes = "boxes"
scores = "scores"
classes = "classes"
labels = "labels.txt"

[golden]
files = ["golden/000.npz"]
rtol = 1e-3
atol = 0

[budget]
p95_ms = 40
enforce = false

[source]
framework = "keras"
metric = {{name = "mAP@0.5", original = 0.91, converted = 0.9}}
tools = {{onnxruntime = "1.31.1"}}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "dock"
    (path / "golden").mkdir(parents=True)
    (path / "model.toml").write_text(TOML)
    (path / "model.onnx").write_bytes(GRAPH)
    (path / "labels.txt").write_text("parcel\npallet\n")
    (path / "golden" / "000.npz").write_bytes(b"")
    return path


def _fault(path: Path) -> str:
    with pytest.raises(BundleError) as fault:
        read_bundle(path).check_hash()
    assert str(fault.value).isprintable()
    return str(fault.value)


def test_a_whole_bundle(directory: Path) -> None:
    bundle = read_bundle(directory)
    assert (bundle.name, bundle.version, bundle.task) == ("dock", "1.2.0", "detection")
    assert bundle.labels == ("parcel", "pallet")
    assert bundle.answer.outputs() == {"boxes": "boxes", "scores": "scores", "classes": "classes"}
    assert (bundle.image and bundle.image.max_side, bundle.golden.rtol, bundle.golden.atol) == (640, 1e-3, 0)
    assert (bundle.budget.p95_ms, bundle.budget.memory_mb, bundle.budget.enforce) == (40, None, False)
    assert bundle.source.metric is not None and bundle.source.metric.converted == 0.9
    assert bundle.golden_files == (directory / "golden" / "000.npz",)
    assert bundle.check_hash() == bundle.sha256 == SHA


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param("schema = 1", "schema = 2\nnew = 1", "schema: want 1, found 2", id="schema"),
        pytest.param("schema = 1\n", "", "schema: required, but not there", id="no-schema"),
        pytest.param("schema = 1", "schema = [", "not valid TOML: ", id="not-toml"),
        pytest.param('"dock"', '"Dock"', "name: want an RFC 1123 label", id="name-case"),
        pytest.param('"dock"', '"-dock"', "name: want an RFC 1123 label", id="name-dash"),
        pytest.param('"dock"', f'"{"a" * 64}"', "name: want an RFC 1123 label", id="name-long"),
        pytest.param('"dock"', '"dock\\n"', "name: want an RFC 1123 label", id="name-line-end"),
        pytest.param('"1.2.0"', '"1.2"', "version: want a semantic version such as 1.2.0, found '1.2'", id="version"),
        pytest.param('"1.2.0"', '"1.02.0"', "version: want a semantic version", id="version-zero"),
        pytest.param('"1.2.0"', '"1.2.0-"', "version: want a semantic version", id="version-dash"),
        pytest.param('"1.2.0"', '"1.2.0-a..b"', "version: want a semantic version", id="version-dots"),
        pytest.param('"1.2.0"', "1.2", "version: want a semantic version such as 1.2.0, found 1.2", id="version-float"),
        pytest.param('"detection"', '"detect"', "task: want 'anomaly' or 'classification'", id="task"),
        pytest.param(
            "max_side = 640", "max_sid = 640", "image.max_sid: unknown key; did you mean 'max_side'?", id="key"
        ),
        pytest.param("max_side = 640", "max_side = 0", "image.max_side: want 16 to 16384 pixels, found 0", id="side"),
        pytest.param("[budget]", "[budgets]", "budgets: unknown key; did you mean 'budget'?", id="table"),
        pytest.param(SHA, SHA[:-1], "file.sha256: want 64 lower-case hexadecimal digits", id="sha-short"),
        pytest.param(SHA, "0" * 64, f"file.sha256: want {'0' * 64}, found {SHA}", id="sha-other"),
        pytest.param('"model.onnx"', '"m.onnx"', "file.path: want a file, found no 'm.onnx'", id="no-model"),
        pytest.param('"model.onnx"', '"golden"', "file.path: want a file, found no 'golden'", id="model-directory"),
        pytest.param('"model.onnx"', '"../m.onnx"', "file.path: want a relative path that stays inside", id="up"),
        pytest.param('"model.onnx"', '"golden/../../m"', "file.path: want a relative path that stays", id="down-up"),
        pytest.param('"model.onnx"', '"/etc/passwd"', "file.path: want a relative path that stays", id="absolute"),
        pytest.param('"model.onnx"', '"a\\u0000b"', "file.path: want a file of the bundle, found 'a\\x00b'", id="nul"),
        pytest.param('"model.onnx"', f'"{"a" * 300}"', "file.path: want a file of the bundle", id="long-name"),
        pytest.param('"model.onnx"', '""', "file.path: want a name that is not empty, found ''", id="empty-name"),
        pytest.param('"golden/000.npz"', '"golden/1.npz"', "golden.files[0]: want a file, found no", id="no-golden"),
        pytest.param('["golden/000.npz"]', '"golden"', "golden.files: want a list, found 'golden'", id="golden-kind"),
        pytest.param("rtol = 1e-3", "rtol = inf", "golden.rtol: want a number from 0 to 1, found inf", id="rtol-inf"),
        pytest.param("rtol = 1e-3", "rtol = nan", "golden.rtol: want a number from 0 to 1, found nan", id="rtol-nan"),
        pytest.param("atol = 0", "atol = -1", "golden.atol: want a number from 0 to 1e9, found -1", id="atol"),
        pytest.param("p95_ms = 40", "p95_ms = 0", "budget.p95_ms: want a number above 0", id="budget-zero"),
        pytest.param("p95_ms = 40", "p95_ms = inf", "budget.p95_ms: want a number above 0", id="budget-inf"),
        pytest.param(
            "enforce = false", 'enforce = "no"', "budget.enforce: want true or false, found 'no'", id="enforce"
        ),
        pytest.param("original = 0.91", "original = nan", "source.metric.original: want a finite number", id="metric"),
        pytest.param('"1.31.1"}', "1}", "source.tools[...]: want a string", id="tools"),
        pytest.param('boxes = "boxes"\n', "", "answer.boxes: want the name of an output", id="detection-answer"),
        pytest.param('"labels.txt"', '"l.txt"', "answer.labels: want a file, found no 'l.txt'", id="no-labels"),
    ],
)
def test_manifest_fault(directory: Path, old: str, new: str, wanted: str) -> None:
    assert old in TOML
    file = directory / "model.toml"
    file.write_text(TOML.replace(old, new, 1))
    assert _fault(directory).startswith(f"{file}: {wanted}")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        pytest.param(b"a\n\nb\n", "line 2: want a label, found ''", id="empty-line"),
        pytest.param(b"a\nb\na\n", "line 3: want each label once, found 'a' twice", id="twice"),
        pytest.param(b"a\n\x1b[31mb\n", "line 2: want a label, found '\\x1b[31mb'", id="terminal-code"),
        pytest.param(b"", "line 1: want a label, found ''", id="empty-file"),
        pytest.param(b"\xff\xfe", "want UTF-8 text, found other bytes", id="not-utf8"),
        pytest.param(b"a" * 1024 * 1024 + b"\n", "want at most 1048576 bytes, found more", id="large"),
    ],
)
def test_labels_fault(directory: Path, content: bytes, wanted: str) -> None:
    (directory / "labels.txt").write_bytes(content)
    assert _fault(directory) == f"{directory / 'labels.txt'}: {wanted}"


def test_one_flipped_bit_in_the_graph(directory: Path) -> None:
    (directory / "model.onnx").write_bytes(GRAPH[:-1] + bytes([GRAPH[-1] ^ 1]))
    assert "file.sha256: want" in _fault(directory)


def _link_out(directory: Path) -> None:
    (directory.parent / "other.onnx").write_bytes(GRAPH)
    (directory / "model.onnx").unlink()
    (directory / "model.onnx").symlink_to("../other.onnx")


def _link_directory_out(directory: Path) -> None:
    (directory / "golden" / "000.npz").unlink()
    (directory / "golden").rmdir()
    (directory.parent / "samples").mkdir()
    (directory.parent / "samples" / "000.npz").write_bytes(b"")
    (directory / "golden").symlink_to("../samples")


def _loop(directory: Path) -> None:
    (directory / "model.onnx").unlink()
    (directory / "model.onnx").symlink_to("model.onnx")


def _pipe(directory: Path) -> None:
    (directory / "model.onnx").unlink()
    os.mkfifo(directory / "model.onnx")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        pytest.param(_link_out, "file.path: want a relative path that stays inside the bundle", id="file-out"),
        pytest.param(_link_directory_out, "golden.files[0]: want a relative path that stays", id="directory-out"),
        pytest.param(_loop, "file.path: want a file", id="loop"),
        pytest.param(_pipe, "file.path: want a file, found no", id="pipe"),
    ],
)
def test_what_is_no_file_of_the_bundle(directory: Path, change: Callable[[Path], None], wanted: str) -> None:
    change(directory)
    assert wanted in _fault(directory)


def test_links_that_stay_inside_are_fine(directory: Path) -> None:
    """A Kubernetes volume shows each file as a link into a hidden directory beside it."""
    (directory / "..data").mkdir()
    for name in ("model.toml", "model.onnx"):
        (directory / name).rename(directory / "..data" / name)
        (directory / name).symlink_to(f"..data/{name}")
    assert read_bundle(directory).check_hash() == SHA


@contextmanager
def _without_rights() -> Iterator[None]:
    """Root reads everything; another user does not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["", "model.toml", "model.onnx"])
def test_what_may_not_be_read(directory: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Not under tmp_path, whose parents only its owner may enter.
        Path(folder).chmod(0o755)
        copy = Path(shutil.copytree(directory, Path(folder) / "dock"))
        (copy / name).chmod(0)
        with _without_rights():
            message = _fault(copy)
    assert message.startswith(str(copy))
    assert "permission denied" in message


def test_no_bundle_at_all(directory: Path) -> None:
    other = directory.parent / "model.tflite"
    other.write_bytes(b"")
    assert _fault(directory.parent / "none") == (
        f"{directory.parent / 'none'}: want a bundle directory or an .onnx file, found nothing there"
    )
    assert _fault(other).endswith("found another kind of file")
    (directory / "model.toml").unlink()
    assert _fault(directory) == f"{directory}: want a bundle with a file model.toml, found none"
    (directory / "model.toml").write_bytes(b"#" * 65537)
    assert "want at most 65536 bytes" in _fault(directory)


@pytest.mark.parametrize(
    ("file", "name"),
    [("My Model_v2.onnx", "my-model-v2"), ("x" * 80 + ".onnx", "x" * 63), ("--a--.onnx", "a")],
)
def test_a_bare_graph_is_named_after_its_file(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_bytes(GRAPH)
    bundle = read_bundle(tmp_path / file)
    assert (bundle.name, bundle.version, bundle.task, bundle.golden_files) == (name, "1", "tensor", ())
    assert bundle.check_hash() == SHA


def test_a_bare_graph_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "__.onnx").write_bytes(GRAPH)
    assert "want a file name with a letter or digit" in _fault(tmp_path / "__.onnx")


IMAGE = TensorSpec("image", "UINT8", (1, -1, -1, 3))
OUTPUTS = [TensorSpec(name, "FP32", (-1,)) for name in ("boxes", "scores", "classes")]


@pytest.mark.parametrize(
    ("inputs", "outputs", "wanted"),
    [
        pytest.param(
            [IMAGE], OUTPUTS[:1], "answer.scores: want an output of the graph ['boxes'], found 'scores'", id="out"
        ),
        pytest.param([], OUTPUTS, "image.input: want an input of the graph [], found 'image'", id="no-image"),
        pytest.param(
            [TensorSpec("image", "FP32", (1, 3, -1, -1))],
            OUTPUTS,
            "image.input: want UINT8 [N, H, W, 3], found FP32 [1, 3, -1, -1] in the graph",
            id="image-kind",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_the_graph(
    directory: Path, inputs: list[TensorSpec], outputs: list[TensorSpec], wanted: str
) -> None:
    bundle = read_bundle(directory)
    check_graph(bundle, [IMAGE], OUTPUTS)
    with pytest.raises(BundleError) as fault:
        check_graph(bundle, inputs, outputs)
    assert str(fault.value) == f"{directory / 'model.toml'}: {wanted}"


def test_as_many_labels_as_probabilities(directory: Path) -> None:
    text = TOML.replace("detection", "classification").replace('boxes = "boxes"', 'probabilities = "p"')
    (directory / "model.toml").write_text(text)
    shares = TensorSpec("p", "FP32", (-1, 3))
    with pytest.raises(BundleError, match="want 3 labels as 'p' has columns, found 2"):
        check_graph(read_bundle(directory), [IMAGE], [*OUTPUTS, shares])
