"""The Dockerfiles and their tools, as far as they can be tested without building."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from image_support import ROOT, TOOLS

DOCKERFILES = sorted(TOOLS.glob("*.Dockerfile"))


def test_all_services_share_their_first_stages() -> None:
    def head(name: str) -> str:
        text = (TOOLS / f"{name}.Dockerfile").read_text()
        return text[text.index("ARG BASE=") : text.index("# --- the service")]

    # The guard's comment says of all what the others say of two.
    assert head("inference") == head("camera-ingest")
    assert head("guard") == head("inference")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_no_final_stage_runs_anything_or_has_a_shell_form(path: Path) -> None:
    text = path.read_text()
    final = text[text.rindex("\nFROM ") :]
    assert "\nRUN " not in final
    assert "ADD http" not in text
    assert all(
        line.split(" ", 1)[1].startswith("[") for line in text.splitlines() if line.startswith(("ENTRYPOINT", "CMD"))
    )


def test_the_context_has_what_is_copied_and_no_more() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        word
        for path in DOCKERFILES if path.stem != "model"
        for line in path.read_text().splitlines() if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]  # fmt: skip
    assert copied
    for word in copied:
        assert any(Path(word).match(pattern) for pattern in allowed), word


def _pack(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(TOOLS / "pack_bundle.py"), str(source), str(target)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_a_bundle_is_packed_without_what_lies_beside_it(tmp_path: Path) -> None:
    done = _pack(ROOT / "models/belt-detector", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    names = sorted(str(path.relative_to(tmp_path / "model")) for path in (tmp_path / "model").rglob("*.*"))
    assert names == [
        "README.md", "golden/000.npz", "golden/001.npz", "golden/002.npz", "labels.txt", "model.onnx", "model.toml",
    ]  # fmt: skip
    seen = {(path.stat().st_mtime, path.stat().st_mode & 0o777) for path in (tmp_path / "model").rglob("*")}
    assert seen == {(0.0, 0o644), (0.0, 0o755)}


def test_a_directory_that_is_no_bundle_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = _pack(tmp_path, tmp_path / "model")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"pack_bundle: {tmp_path}: want a bundle with a file model.toml, found none"]


@pytest.mark.parametrize("name", ["README.md", "golden/000.npz", "labels.txt", "model.onnx"])
def test_a_link_in_a_bundle_brings_nothing_of_this_machine(tmp_path: Path, name: str) -> None:
    bundle = shutil.copytree(ROOT / "models/belt-detector", tmp_path / "bundle")
    (tmp_path / "elsewhere").write_bytes((bundle / name).read_bytes())
    (bundle / name).unlink()
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    done = _pack(bundle, tmp_path / "model")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert name in done.stderr and not (tmp_path / "model").exists()


def test_a_target_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    done = _pack(ROOT / "models/belt-detector", tmp_path / "model")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(f"pack_bundle: {tmp_path}/model")


PUMP = ROOT / "models/pump-failure"


@pytest.mark.parametrize(
    ("env", "folder", "words"),
    [
        pytest.param({"IMAGE_BUILD": "false", "PATH": "/usr/bin:/bin"}, PUMP, "exit code 1", id="build-fails"),
        pytest.param({"PATH": ""}, PUMP, "want one of buildah, podman, docker on PATH, found none", id="no-builder"),
        pytest.param({"PATH": "/usr/bin:/bin"}, ROOT / "docs", "want a bundle with a file model.toml", id="no-bundle"),
    ],
)
def test_what_stops_the_images_is_one_line_and_exit_code_2(env: dict[str, str], folder: Path, words: str) -> None:
    command = [sys.executable, str(TOOLS / "build.py"), str(folder)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith("images: ") and words in done.stderr


@pytest.mark.parametrize("packed", [True, False], ids=["as-pushed", "as-docker-saves"])
def test_a_layout_is_read(tmp_path: Path, packed: bool) -> None:
    sys.path.insert(0, str(TOOLS))
    try:
        from layout import read_layout  # type: ignore[import-not-found, unused-ignore]
    finally:
        sys.path.remove(str(TOOLS))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, size in (("small", 10), ("large", 100_000)):
            entry = tarfile.TarInfo(name)
            entry.size = size
            tar.addfile(entry, io.BytesIO(bytes(size)))
    layer = gzip.compress(out.getvalue(), mtime=0) if packed else out.getvalue()
    config = _put(tmp_path, json.dumps({"rootfs": {"diff_ids": ["sha256:ab"]}}).encode())
    manifest = _put(
        tmp_path, json.dumps({"config": {"digest": config}, "layers": [{"digest": _put(tmp_path, layer)}]}).encode()
    )
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [{"digest": manifest}]}))
    (found,) = read_layout(tmp_path)
    assert (found.digest, found.unpacked) == ("sha256:ab", 100_010)
    assert found.files == (("large", 100_000), ("small", 10))
    assert 100 < found.compressed < 2000


def _put(directory: Path, data: bytes) -> str:
    name = hashlib.sha256(data).hexdigest()
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / name).write_bytes(data)
    return f"sha256:{name}"
