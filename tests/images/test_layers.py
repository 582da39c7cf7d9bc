"""What a gateway downloads and stores: the runtime once, and for a new model one small layer that is always the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image_support import BELT, CAMERA, INFERENCE, PUMP, REGISTRY, ROOT, TOOLS, builder, built, engine, layers, tool

pytestmark = pytest.mark.images

KIB, MB = 1024, 1_000_000
PUMP_BUNDLE = ROOT / "models/pump-failure"


@pytest.fixture(autouse=True)
def _images() -> None:
    built()


def _digests(image: str) -> list[str]:
    return [str(layer["digest"]) for layer in layers(image)]


def _size(image: str) -> int:
    return sum(int(layer["compressed"]) for layer in layers(image))


def test_the_runtime_is_small() -> None:
    assert _size(INFERENCE) <= 50 * MB


def test_camera_ingest_stays_what_it_was_measured_at() -> None:
    assert _size(CAMERA) <= 105 * MB


def test_both_services_stand_on_one_layer() -> None:
    assert _digests(INFERENCE)[0] == _digests(CAMERA)[0]


@pytest.mark.parametrize("image", [BELT, PUMP], ids=["belt-detector", "pump-failure"])
def test_a_model_is_one_layer_on_the_runtime_and_holds_only_the_bundle(image: str) -> None:
    assert _digests(image)[:-1] == _digests(INFERENCE)
    files = dict(layers(image)[-1]["files"])
    assert {"model/model.toml", "model/model.onnx", "model/golden/000.npz"} <= files.keys()
    assert all(name.startswith("model/") and not name.endswith(".py") for name in files)
    assert layers(image)[-1]["compressed"] <= sum(files.values()) + 64 * KIB


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of pump-failure's bundle, with other times and modes, and with files beside it that are not of it."""
    copy = shutil.copytree(PUMP_BUNDLE, tmp_path / "bundle", ignore=shutil.ignore_patterns(".*"))
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    (copy / "notes.txt").write_text("of this checkout only")
    return copy


def test_the_same_bundle_gives_the_same_layer(bundle: Path) -> None:
    tool("build", str(bundle), "--runtime", INFERENCE, "--registry", f"{REGISTRY}/again")
    again = json.loads(tool("report", "--json", image := PUMP.replace(REGISTRY, f"{REGISTRY}/again")))[image]
    assert again[-1]["digest"] == _digests(PUMP)[-1]


def test_a_changed_bundle_moves_its_layer_alone(bundle: Path) -> None:
    manifest = bundle / "model.toml"
    manifest.write_text(manifest.read_text().replace('version = "1.0.0"', 'version = "1.1.0"', 1))
    tool("build", str(bundle), "--runtime", INFERENCE, "--registry", f"{REGISTRY}/next")
    image = PUMP.replace(REGISTRY, f"{REGISTRY}/next").replace("1.0.0", "1.1.0")
    found = json.loads(tool("report", "--json", image))[image]
    assert [layer["digest"] for layer in found[:-1]] == _digests(INFERENCE)
    assert found[-1]["digest"] != _digests(PUMP)[-1]
    assert found[-1]["compressed"] <= sum(dict(found[-1]["files"]).values()) + 64 * KIB


def test_a_damaged_model_is_never_an_image(bundle: Path) -> None:
    with (bundle / "model.onnx").open("ab") as file:
        file.write(b"\0")
    words = [*(builder().split() or [engine(), "build"]), "-f", str(TOOLS / "model.Dockerfile")]
    words += ["--build-arg", f"RUNTIME={INFERENCE}", str(bundle)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0
    assert "file.sha256: want" in done.stdout + done.stderr
