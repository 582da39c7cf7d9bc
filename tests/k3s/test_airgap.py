"""airgap.py and fetch.sh: the list is what helm renders, and what is packed installs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from go_support import GO_ENV
from helm_support import containers, need_helm, pod_templates, run, tools
from k3s_support import CHARTS, K3S, VERSION, Box, executable, fetched

# podman's part: which image is for which processor, and an archive that names what is in it.
PODMAN = """#!/bin/sh
case $1 in
  image) echo "${IMAGE_ARCH:-amd64}" ;;
  save) shift; while [ "$1" != --output ]; do shift; done; out=$2; shift 2; printf '%s\\n' "$@" >"$out" ;;
esac
"""


def airgap(*args: str | Path, path: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    need_helm()
    where = {**tools(), **GO_ENV, **env}
    where["PATH"] = f"{path}{os.pathsep}{where['PATH']}" if path else where["PATH"]
    command = [sys.executable, str(K3S / "airgap.py"), *map(str, args)]
    return subprocess.run(command, env=where, capture_output=True, text=True, timeout=120, check=False)


def test_the_list_is_every_image_that_helm_renders() -> None:
    rendered = set()
    for path in sorted((K3S / "manifests").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document["kind"] == "HelmChart":
                archive = document["spec"]["chart"].rsplit("/", 1)[-1]
                chart = CHARTS / archive.rpartition("-")[0]
                done = run("helm", "template", "x", str(chart), "--values=-", text=document["spec"]["valuesContent"])
                manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
                rendered |= {item["image"] for _, pod in pod_templates(manifests) for item in containers(pod)}
    done = airgap("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == sorted(rendered)
    assert "localhost/edge-model-belt-detector:1.0.0" in rendered


def site(folder: Path, change: Callable[[str], str]) -> Path:
    """Make a site's own manifests: the detector's, changed."""
    folder.mkdir()
    text = (K3S / "manifests/edge-serve-detector.yaml").read_text(encoding="utf-8")
    (folder / "detector.yaml").write_text(change(text), encoding="utf-8")
    return folder


def test_init_containers_and_candidates_are_in_the_list(tmp_path: Path) -> None:
    def change(text: str) -> str:
        more = "    candidate:\n      enabled: true\n      version: 1.1.0\n"
        return text + more

    names = airgap("--manifests", site(tmp_path / "site", change), "list").stdout.split()
    assert names == ["localhost/edge-model-belt-detector:1.0.0", "localhost/edge-model-belt-detector:1.1.0"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            lambda text: re.sub(r"-[\d.]+\.tgz", "-9.9.9.tgz", text), "wants edge-inference-9.9.9.tgz", id="chart"
        ),
        pytest.param(lambda text: text.replace("      version: 1.0.0\n", ""), "model.version", id="values"),
        pytest.param(lambda text: text.replace("kind: HelmChart", "kind: ConfigMap"), "no HelmChart in any", id="none"),
        pytest.param(lambda text: text + "\n\t:", "detector.yaml: ", id="yaml"),
    ],
)
def test_one_line_when_it_cannot_be_listed(tmp_path: Path, change: Callable[[str], str], reason: str) -> None:
    done = airgap("--manifests", site(tmp_path / "site", change), "list")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith("airgap.py: ") and reason in done.stderr


@pytest.fixture
def podman(tmp_path: Path) -> str:
    executable(tmp_path / "bin/podman", PODMAN)
    return str(tmp_path / "bin")


def test_what_is_packed_installs_without_a_network(tmp_path: Path, podman: str) -> None:
    folder = fetched(tmp_path / "carry")
    done = airgap("pack", folder, path=podman)
    assert done.returncode == 0, done.stderr
    assert "3 images, SHA256SUMS written" in done.stdout
    (images,) = (folder / "images").glob("edge-serve-images.tar*")
    if images.suffix == ".zst":
        subprocess.run(["zstd", "-q", "-d", str(images), "-o", str(tmp_path / "images")], check=True)
        images = tmp_path / "images"
    assert images.read_text(encoding="utf-8").split() == airgap("list").stdout.split()
    with tarfile.open(next((folder / "charts").glob("edge-inference-*.tgz"))) as archive:
        assert "edge-inference/Chart.yaml" in archive.getnames()
    box = Box.make(tmp_path / "box")
    # The folder itself is on the other side of an air gap: its own install.sh, its own settings.
    installed = box.install("--from", folder, script=folder / "install.sh")
    assert installed.returncode == 0, installed.stderr
    assert len([name for name in box.tree() if "/server/manifests/" in name]) == 4


def test_packing_again_gives_the_same_sums(tmp_path: Path, podman: str) -> None:
    folder = fetched(tmp_path / "carry")
    assert airgap("pack", folder, path=podman).returncode == 0
    names = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    assert airgap("pack", folder, path=podman).returncode == 0
    again = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    assert names == again
    assert {"./install.sh", "./bin/k3s", "./lib/checks.sh", "./VERSION"} < set(names)


def test_an_image_for_another_processor_is_refused(tmp_path: Path, podman: str) -> None:
    done = airgap("pack", fetched(tmp_path / "carry"), path=podman, IMAGE_ARCH="arm64")
    assert done.returncode == 2
    assert "is for arm64, wanted amd64" in done.stderr


def test_a_folder_that_was_changed_is_refused(tmp_path: Path, podman: str) -> None:
    folder = fetched(tmp_path / "carry")
    (folder / "bin/k3s").write_text("changed", encoding="utf-8")
    done = airgap("pack", folder, path=podman)
    assert done.returncode == 2
    assert "bin/k3s is not what SHA256SUMS says" in done.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("junk\n", "SHA256SUMS: want lines as sha256sum writes them", id="junk"),
        pytest.param("\xff  ./ARCH\n", "SHA256SUMS: want lines as sha256sum writes them", id="no-sum"),
        pytest.param(f"{'0' * 64}  ./ARCH\n", "SHA256SUMS does not list VERSION", id="unlisted"),
        pytest.param(f"{'0' * 64}  ../outside\n", "want files of this folder, found '../outside'", id="outside"),
        pytest.param(f"{'0' * 64}  /etc/passwd\n", "want files of this folder, found '/etc/passwd'", id="absolute"),
    ],
)
def test_sums_that_are_none_are_one_line(tmp_path: Path, podman: str, text: str, reason: str) -> None:
    folder = fetched(tmp_path / "carry")
    (tmp_path / "outside").write_text("outside", encoding="utf-8")
    good = (folder / "SHA256SUMS").read_text(encoding="utf-8")
    keep = "" if "not list" in reason else good
    (folder / "SHA256SUMS").write_text(text + keep, encoding="latin-1")
    done = airgap("pack", folder, path=podman)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith("airgap.py: ") and reason in done.stderr


# --- fetch.sh


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Lay out a release of K3s as its mirrors have it; curl reads it from the disk."""
    source = fetched(tmp_path / "source")
    folder = tmp_path / "mirror" / VERSION
    folder.mkdir(parents=True)
    shutil.copy(source / "bin/k3s", folder / "k3s")
    shutil.copy(source / "bin/install-k3s.sh", folder / "install.sh")
    shutil.copy(source / "images/k3s-airgap-images-amd64.tar.zst", folder)
    names = ("k3s", "k3s-airgap-images-amd64.tar.zst")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "sha256sum-amd64.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def fetch(release: Path, target: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run fetch.sh with a curl that reads the mirror's folder."""
    stub = release.parents[1] / "bin/curl"
    executable(stub, '#!/bin/bash\nwhile [ "$1" != --output ]; do shift; done\ncp "${3//%2B/+}" "$2"\n')
    address = str(release.parent)
    env = {"PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}", "RELEASES": address, "SCRIPTS": address}
    command = ["bash", str(K3S / "fetch.sh"), *(args or (VERSION, "amd64", str(target)))]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_fetch_makes_a_folder_that_airgap_and_install_take(tmp_path: Path, release: Path, podman: str) -> None:
    target = tmp_path / "carry"
    done = fetch(release, target)
    assert done.returncode == 0, done.stderr
    assert airgap("pack", target, path=podman).returncode == 0
    assert Box.make(tmp_path / "box").install("--from", target, "--dry-run").returncode == 0


@pytest.mark.parametrize("name", ["k3s", "k3s-airgap-images-amd64.tar.zst"])
def test_fetch_refuses_what_differs_from_the_releases_sums(tmp_path: Path, release: Path, name: str) -> None:
    (release / name).write_bytes(b"something else")
    done = fetch(release, tmp_path / "carry")
    assert done.returncode == 2
    assert done.stderr == f"fetch.sh: {name} is not what sha256sum-amd64.txt of {VERSION} says\n"
    assert not (tmp_path / "carry").exists()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        pytest.param(("stable", "amd64", "x"), "want the form v1.35.7+k3s1", id="version"),
        pytest.param(("v1.34.9+k3s2", "amd64", "x"), "may uninstall a failed release", id="version-install-refuses"),
        pytest.param((VERSION, "armhf", "x"), "want amd64 or arm64", id="architecture"),
        pytest.param((VERSION,), "usage: fetch.sh", id="usage"),
        pytest.param((VERSION, "amd64", "/"), "/ exists: give a new folder", id="old-folder"),
    ],
)
def test_fetch_refuses_arguments(tmp_path: Path, release: Path, args: tuple[str, ...], reason: str) -> None:
    done = fetch(release, tmp_path, *args)
    assert done.returncode == 2
    assert reason in done.stderr
