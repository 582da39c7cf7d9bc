"""The air-gap file on a gateway whose uplink is down: imported, served, and a new model as a difference of it.

K3s' folders are folders here, and the lab's `load` is `ctr images import`, which K3s does by itself with its archive.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.cluster import ROOT, Cluster
from e2e.releases import HELM_TIMEOUT, PUMP, serving, wait_for_answers
from e2e.variants import variant

pytestmark = pytest.mark.e2e
RELEASE = "pump-airgap"
MANIFEST = """apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {{name: {release}, namespace: kube-system}}
spec:
  chart: https://%{{KUBERNETES_API}}%/static/charts/edge-inference-{chart}.tgz
  targetNamespace: edge
  failurePolicy: retry
  valuesContent: |
    model: {{name: {model}, version: "{version}"}}
    image: {{registry: localhost}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A workstation's folder, and beside it one that stands for K3s' on the gateway."""

    folder: Path
    runtime: str

    def edgectl(self, *words: object) -> str:
        program = Path(sys.executable).with_name("edgectl")
        done = subprocess.run(
            [program, "image", *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pack(self, version: str, *options: object) -> Path:
        """Build the model's image as `version`, and pack it with its chart and values."""
        bundle = variant(PUMP, version, self.folder / f"bundle-{version}")
        self.edgectl("build", bundle, "--runtime", self.runtime, "--output", self.folder / version, "--no-answers")
        manifests = self.folder / f"manifests-{version}"
        manifests.mkdir()
        chart = (ROOT / "charts/edge-inference/Chart.yaml").read_text()
        number = next(line.split()[1] for line in chart.splitlines() if line.startswith("version:"))
        text = MANIFEST.format(release=RELEASE, chart=number, model=PUMP, version=version)
        (manifests / "model.yaml").write_text(text)
        target = self.folder / f"{version}.tar"
        print(
            self.edgectl(
                "airgap", f"oci:{self.folder / version}", "--manifests", manifests, "--output", target, *options
            )
        )
        return target


@pytest.fixture
def site(images: Cluster, healed: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PATH", images.env["PATH"])
    (tmp_path / "k3s").mkdir()
    yield Site(tmp_path, f"containers-storage:{images.registry}/edge-inference:0.1.0")
    images.helm("uninstall", RELEASE, "--wait", "--ignore-not-found", check=False)


def on_the_gateway(file: Path, k3s: Path) -> Path:
    """Do what docs/models/deliver.md says; return the archive that K3s imports."""
    with tarfile.open(file) as tar:
        tar.extract("apply.sh", k3s, filter="data")
    words = ["sh", str(k3s / "apply.sh"), str(file), "--data", str(k3s)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return k3s / "agent/images/edge-serve-airgap.tar"


def install(cluster: Cluster, file: Path) -> None:
    """Install the release with the chart and the values in the file: the lab has nobody who acts on HelmCharts."""
    folder = file.with_suffix("")
    with tarfile.open(file) as tar:
        tar.extractall(folder.with_name(f"{folder.name}-unpacked"), filter="data")
    unpacked = folder.with_name(f"{folder.name}-unpacked")
    (chart,) = (unpacked / "charts").glob("*.tgz")
    values = unpacked / "values" / f"{RELEASE}.yaml"
    cluster.helm(
        "upgrade",
        "--install",
        RELEASE,
        str(chart),
        "--values",
        str(values),
        "--wait",
        "--timeout",
        HELM_TIMEOUT,
        timeout=400,
    )


def answering(cluster: Cluster, version: str) -> None:
    wait_for_answers(cluster, RELEASE)
    (pod,) = serving(cluster, RELEASE)
    assert {each["image"] for each in pod["spec"]["containers"]} == {f"localhost/edge-model-{PUMP}:{version}"}


def test_a_model_arrives_and_is_served_with_the_uplink_cut(site: Site, images: Cluster) -> None:
    # Versions of this run alone: an image of an earlier one would prove nothing.
    first, second, third = (f"{major}.0.{int(time.time())}" for major in (7, 8, 9))
    whole = site.pack(first)
    difference, alone = site.pack(second, "--since", whole), site.pack(third, "--since", whole)
    known = images.on_lab("images")
    assert all(version not in known for version in (first, second, third))
    images.on_lab("cut")

    images.on_lab("load", str(on_the_gateway(whole, site.folder / "k3s")))
    install(images, whole)
    answering(images, first)

    # Under 1 MB instead of the runtime's 48: the bundle's layer, chart, values.
    assert difference.stat().st_size < 1_000_000 < 40_000_000 < whole.stat().st_size
    images.on_lab("load", str(on_the_gateway(difference, site.folder / "k3s")))
    install(images, difference)
    answering(images, second)

    # containerd also takes the difference as it is, as long as it still has what the first file brought.
    images.on_lab("load", str(alone))
    install(images, alone)
    answering(images, third)
    facts = json.loads(site.edgectl("airgap", "--check", alone, "--json"))
    print(f"whole file {whole.stat().st_size / 1e6:.1f} MB, difference {facts['file_size'] / 1e6:.3f} MB")
