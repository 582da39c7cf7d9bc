"""Every image that the tests start, good versions and bad ones: built, and brought to where the cluster finds them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from e2e.cluster import ROOT, Cluster
from e2e.monitoring_variants import drifting, failing, slow
from e2e.releases import DETECTOR
from e2e.variants import variant

ENGINES = ("buildah", "podman", "docker")
BUILD_S = 900
PUSH_S = 300


def provide(cluster: Cluster, folder: Path) -> None:
    """Build all images, with bundles written into `folder`; load them into the lab, or push them to REGISTRY."""
    bundles = [
        variant(DETECTOR, "1.1.0", folder / "good"),
        variant(DETECTOR, "1.2.0", folder / "golden", wrong_golden=True),
        variant(DETECTOR, "1.3.0", folder / "budget", p95_ms=0.01),
        slow("1.4.0", folder / "slow"),
        drifting("1.5.0", folder / "drifting"),
        failing("1.6.0", folder / "failing"),
    ]
    names = _built(cluster)
    runtime = next(name for name in names if "/edge-inference:" in name)
    names += _built(cluster, *map(str, bundles), "--runtime", runtime)
    # The runtime is in each model's image; no test starts it alone.
    bring(cluster, [name for name in names if name != runtime])


def _built(cluster: Cluster, *words: str) -> list[str]:
    own = {"IMAGE_BUILD": f"{cluster.lab} build"} if cluster.lab is not None else {}
    command = [sys.executable, "Dockerfiles/build.py", "--registry", cluster.registry, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | own, check=False, timeout=BUILD_S
    )
    assert done.returncode == 0, done.stderr
    return [line.split()[0] for line in done.stdout.splitlines()]


def bring(cluster: Cluster, names: list[str]) -> None:
    """Load images into the lab, or push them to REGISTRY."""
    if cluster.lab is not None:
        cluster.on_lab("load", *names, timeout=BUILD_S)
        return
    engine = next((name for name in ENGINES if shutil.which(name)), ENGINES[0])
    # IMAGE_PUSH names another command, such as `buildah push --tls-verify=false`; the image's name is its last word.
    push = shlex.split(os.environ.get("IMAGE_PUSH", "")) or [engine, "push"]
    for name in names:
        cluster.run(*push, name, timeout=PUSH_S)
