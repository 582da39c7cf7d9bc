"""charts/edge-monitoring on the cluster, with Debian's Prometheus in the place of the public images; and one in the cloud."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.cloud import CLOUD
from e2e.cluster import KEPT, NAMESPACE, ROOT, Cluster, until
from e2e.images import BUILD_S, ENGINES, bring
from e2e.monitoring_prometheus import Prometheus
from e2e.monitoring_rules import hurried_chart

WATCH, RELEASE, REMOTE_PORT = "edge-e2e-watch", "watch", 9095
SCRAPE_S, FACTOR = 2, 20
CONTAINERD = Path("/run/containerd/containerd.sock")
FORWARDING = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")
# Laid over a release's values: lets this Prometheus to its /metrics.
WATCHED: dict[str, Any] = {
    "networkPolicy": {
        "metricsClients": {"watch": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": WATCH}}}}
    }
}


@dataclass(frozen=True, slots=True)
class Watch:
    """The gateway's own Prometheus, and on the lab the one in the cloud that it writes to; `since` it runs (epoch)."""

    prometheus: Prometheus
    cloud: Prometheus | None
    since: float

    def firing(self, alert: str, **labels: str) -> bool:
        """Is an alert with these labels true for as long as its rule asks?"""
        wanted = {"alertname": alert, "alertstate": "firing", **labels}
        matchers = ",".join(f'{name}="{value}"' for name, value in wanted.items())
        return bool(self.prometheus.ask(f"ALERTS{{{matchers}}}"))


@contextmanager
def watching(cluster: Cluster, folder: Path) -> Iterator[Watch]:
    """Install the chart with hurried rules, wait until it answers, and take it away in the end."""
    _provide_image(cluster)
    _name_containers(cluster)
    with _in_the_cloud(cluster, folder / "remote") as cloud:
        _namespace(cluster)
        chart = hurried_chart(folder, FACTOR)
        since = time.time()
        words = ("upgrade", "--install", RELEASE, str(chart), "--values", "-", "--wait", "--timeout", "180s")
        try:
            _helm(cluster, *words, stdin=json.dumps(_values(cluster)))
            with _forwarded(cluster, f"deploy/{RELEASE}-prometheus", 9090) as url:
                here = Prometheus(url)
                until(here.ready, "Prometheus is ready")
                yield Watch(here, cloud, since)
        finally:
            _keep(cluster)
            _helm(cluster, "uninstall", RELEASE, "--ignore-not-found", "--wait")
            cluster.run("kubectl", "delete", "namespace", WATCH, "--ignore-not-found", timeout=180)


def _values(cluster: Cluster) -> dict[str, Any]:
    name, _, tag = _image(cluster).rpartition("/")[2].partition(":")
    image = {"image": {"registry": cluster.registry, "repository": name, "tag": tag}}
    on_lab = cluster.lab is not None
    write = {"remoteWrite": {"url": f"http://{CLOUD}:{REMOTE_PORT}/api/v1/write"}} if on_lab else {}
    # The lab's root is no shared mount, and its node is this machine's kernel.
    mount = {"mountPropagation": "None"} if on_lab else {}
    return {
        "gateway": "gw-1", "namespaces": [NAMESPACE], "grafana": {"enabled": False},
        "scrape": {"interval": f"{SCRAPE_S}s", "timeout": f"{SCRAPE_S}s"}, "rules": {"interval": f"{SCRAPE_S}s"},
        "prometheus": {**image, **write, "persistence": {"enabled": False}}, "alertmanager": image,
        "nodeExporter": {**image, **mount},
    }  # fmt: skip


def _image(cluster: Cluster) -> str:
    return f"{cluster.registry}/edge-monitoring-test:1"


def _provide_image(cluster: Cluster) -> None:
    """Build tests/monitoring/Dockerfile, where it has changed, and bring it to the cluster."""
    engine = next((name for name in ENGINES if shutil.which(name)), ENGINES[0])
    own = [str(cluster.lab), "build", "--layers"] if cluster.lab else [engine, "build"]
    build = shlex.split(os.environ.get("IMAGE_BUILD", "")) or own
    folder = ROOT / "tests" / "monitoring"
    cluster.run(*build, "-f", str(folder / "Dockerfile"), "-t", _image(cluster), str(folder), timeout=BUILD_S)
    bring(cluster, [_image(cluster)])


def _name_containers(cluster: Cluster) -> None:
    """Show the lab's containerd to its kubelet where cAdvisor looks for one: without it, containers have no names there."""
    home = Path(os.environ.get("LAB_HOME", "/var/lib/edge-lab"))
    if cluster.lab is None or CONTAINERD.exists():
        return
    CONTAINERD.parent.mkdir(parents=True, exist_ok=True)
    CONTAINERD.unlink(missing_ok=True)
    CONTAINERD.symlink_to(home / "run" / CONTAINERD.name)
    # It asks once, when it starts; pods go on without it.
    os.kill(int((home / "run" / "kubelet.pid").read_text()), signal.SIGKILL)
    cluster.on_lab("up")


def _namespace(cluster: Cluster) -> None:
    """Its node-exporter sees the host, so its namespace cannot be a restricted one."""
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": WATCH, "labels": labels}})


def _helm(cluster: Cluster, *words: str, stdin: str | None = None) -> None:
    cluster.run("helm", "--namespace", WATCH, *words, stdin=stdin)


@contextmanager
def _forwarded(cluster: Cluster, workload: str, port: int) -> Iterator[str]:
    """Yield a URL of this machine that leads to a pod's port."""
    said = KEPT / "port-forward.log"
    command = ["kubectl", "-n", WATCH, "port-forward", workload, f":{port}"]
    # A file, not a pipe: it tells of every connection, and a pipe that nobody reads would stop it.
    with said.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, env=cluster.env) as process:
        try:
            found = until(lambda: FORWARDING.search(said.read_text()), "kubectl forwards", 30)
            yield f"http://{found.group(1)}"
        finally:
            process.kill()


@contextmanager
def _in_the_cloud(cluster: Cluster, folder: Path) -> Iterator[Prometheus | None]:
    """Run a Prometheus beyond the uplink to which others may write; none where there is no lab."""
    if cluster.lab is None:
        yield None
        return
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("want prometheus on PATH: it is in Debian's package prometheus")
    folder.mkdir(parents=True)
    (folder / "prometheus.yml").write_text("global: {}\n")
    arguments = (
        f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={CLOUD}:{REMOTE_PORT}", "--web.enable-remote-write-receiver", "--log.level=warn",
    )  # fmt: skip
    command = [str(cluster.lab), "in", "cloud", program, *arguments]
    with (
        (KEPT / "cloud-prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            found = Prometheus(f"http://{CLOUD}:{REMOTE_PORT}")
            until(lambda: found.ready() or process.poll() is not None, "the cloud's Prometheus is ready", 60)
            assert process.poll() is None, (KEPT / "cloud-prometheus.log").read_text()
            yield found
        finally:
            process.terminate()


def _keep(cluster: Cluster) -> None:
    """Keep what the monitoring's own pods say."""
    for name, words in (
        ("describe", ("describe", "pods")),
        ("prometheus", ("logs", f"deploy/{RELEASE}-prometheus", "--tail=300")),
        ("node-exporter", ("logs", f"daemonset/{RELEASE}-node-exporter", "--tail=50")),
    ):
        said = cluster.run("kubectl", "-n", WATCH, *words, check=False, timeout=60)
        (KEPT / f"watch-{name}.txt").write_text(said.stdout + said.stderr)
