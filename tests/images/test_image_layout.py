"""What `edgectl image build` writes is read by other tools, serves, and is what model.Dockerfile makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image_support import INFERENCE, PUMP, ROOT, RUN_S, Container, built, engine, layers
from oci_support import config_of, manifest_of

pytestmark = pytest.mark.images
EDGECTL = Path(sys.executable).with_name("edgectl")
BUNDLE = ROOT / "models/pump-failure"


def run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on PATH: Debian's package of that name has it")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built()
    if engine() != "podman":
        pytest.skip("docker holds no image that containers-storage: could name")
    out = tmp_path_factory.mktemp("layout") / "pump"
    run(EDGECTL, "image", "build", BUNDLE, "--runtime", f"containers-storage:{INFERENCE}", "--output", out)
    return out


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model's image as buildah made it of model.Dockerfile."""
    built()
    out = tmp_path_factory.mktemp("dockerfile") / "pump"
    run("buildah" if shutil.which("buildah") else engine(), "push", "--quiet", PUMP, f"oci:{out}")
    return out


def test_skopeo_reads_it(layout: Path) -> None:
    need("skopeo")
    told = json.loads(run("skopeo", "inspect", f"oci:{layout}"))
    assert told["Labels"]["org.opencontainers.image.title"] == "edge-model-pump-failure"
    assert (told["Os"], len(told["Layers"])) == ("linux", 4)


def test_skopeo_copies_every_blob_of_it(layout: Path, tmp_path: Path) -> None:
    """It holds each blob to its digest on the way."""
    need("skopeo")
    run("skopeo", "copy", "--quiet", f"oci:{layout}", f"oci:{tmp_path / 'copy'}")
    names = {path.name for path in (layout / "blobs/sha256").iterdir()}
    assert {path.name for path in (tmp_path / "copy/blobs/sha256").iterdir()} == names


@pytest.fixture
def pulled(layout: Path) -> Iterator[str]:
    need("buildah")
    name = run("buildah", "pull", "--quiet", f"oci:{layout}").strip()
    yield name
    run("buildah", "rmi", "--force", name)


def test_buildah_pulls_it_and_it_serves(pulled: str, tmp_path: Path) -> None:
    with Container(pulled, tmp_path / "log", options=("--env=EDGE_BUDGET=false",)) as container:
        model = container.ready().request("GET", "/v2/models/pump-failure").json()
        assert (model["name"], model["versions"]) == ("pump-failure", ["1.0.0"])


def test_it_is_what_the_dockerfile_makes(layout: Path, dockerfile: Path) -> None:
    ours, theirs = config_of(layout), config_of(dockerfile)
    # One layer on the gateway, whichever of the two built the image.
    assert ours["rootfs"] == theirs["rootfs"]
    assert [layer["digest"] for layer in layers(PUMP)] == ours["rootfs"]["diff_ids"]

    def settings(config: dict[str, Any]) -> dict[str, Any]:
        labels = {key: text for key, text in config["config"]["Labels"].items() if not key.startswith("io.buildah.")}
        return {**config["config"], "Labels": labels}

    assert settings(ours) == settings(theirs)
    assert (ours["architecture"], ours["os"], ours["created"]) == (
        theirs["architecture"],
        theirs["os"],
        theirs["created"],
    )


def test_an_air_gap_file_is_an_archive_that_podman_and_skopeo_read(layout: Path, tmp_path: Path) -> None:
    need("skopeo")
    file = tmp_path / "site.tar"
    run(EDGECTL, "image", "airgap", layout, f"containers-storage:{INFERENCE}", "--output", file)
    name = "localhost/edge-model-pump-failure:1.0.0"
    told = json.loads(run("skopeo", "inspect", f"oci-archive:{file}:{name}"))
    assert told["Layers"][-1] == manifest_of(layout)["layers"][-1]["digest"]
    with tarfile.open(file) as tar:
        shared = [entry.name for entry in tar if entry.name.endswith(manifest_of(layout)["layers"][0]["digest"][7:])]
    # The runtime's layers are there once, for both images.
    assert len(shared) == 1
