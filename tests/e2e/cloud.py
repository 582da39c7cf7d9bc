"""What stands around the gateway: cameras on both sides of the uplink, a registry, and who subscribes to events."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from e2e.cluster import KEPT, ROOT, Cluster, until
from e2e.releases import CAMERAS

HERE = Path(__file__).parent
# The lab's addresses: where the gateway answers, the cloud, and in the cloud the camera, so that a policy that lets
# camera-ingest to its camera opens nothing else of the cloud.
GATEWAY, CLOUD, YARD = "198.18.0.2", "198.18.1.2", "198.18.1.3"
BROKER_PORT, REGISTRY_PORT, NEAR_PORT, FAR_PORT = 1883, 5000, 8554, 8555


@contextmanager
def rtsp_camera(cluster: Cluster, side: str, address: str, port: int, *, keep: bool) -> Iterator[str]:
    """A real RTSP camera on one side of the uplink, playing the belt; yields its URL. With `keep` it outlives us."""
    url = f"rtsp://{address}:{port}/stream"
    if _open(address, port):
        # Kept by an earlier run.
        yield url
        return
    assert cluster.lab is not None
    program = Path(os.environ.get("RTSP_CAMERA", cluster.lab.parent / "rtsp-camera"))
    clip = ROOT / "models" / "belt-detector" / "belt.mp4"
    command = [str(cluster.lab), "in", side, str(program), "--host", address, "--port", str(port), "--file", str(clip)]
    said = KEPT / f"camera-{port}.log"
    with said.open("wb") as log:
        camera = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=keep)
    said.with_suffix(".pid").write_text(f"{camera.pid}\n")
    try:
        until(lambda: _open(address, port) or camera.poll() is not None, f"{url} listens", 30)
        assert camera.poll() is None, said.read_text()
        yield url
    finally:
        if keep:
            # Nobody waits for it: Python would warn of a process that is left.
            camera.returncode = 0
        else:
            camera.send_signal(signal.SIGKILL)
            camera.wait(30)


def _open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 2).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What has come to the broker beyond the uplink."""

    file: Path

    def messages(self) -> list[bytes]:
        whole = self.file.read_bytes().rpartition(b"\n")[0] if self.file.exists() else b""
        return [line for line in whole.splitlines() if line.startswith(b"{")]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.messages()]

    def subscribed(self) -> int:
        """Return how often it has subscribed: again after each time the broker was away."""
        return self.file.read_bytes().count(b"# subscribed\n") if self.file.exists() else 0

    def ids(self) -> list[str]:
        return [event["id"] for event in self.events()]

    def twice(self) -> list[str]:
        """Return the ids that came more than once."""
        return [each for each, count in Counter(self.ids()).items() if count > 1]


@contextmanager
def subscriber(cluster: Cluster, file: Path) -> Iterator[Subscriber]:
    """Subscribe on the cloud's side to all events of all gateways."""
    command = [str(cluster.lab), "in", "cloud", sys.executable, str(HERE / "subscriber.py")]
    with subprocess.Popen([*command, CLOUD, str(BROKER_PORT), "edge/+/+/events", str(file)]) as process:
        try:
            yield Subscriber(file)
        finally:
            process.kill()


def spooled_ids(cluster: Cluster) -> list[str]:
    """Return the ids of every event in the spool on the gateway's volume, delivered or not."""
    text = cluster.kubectl("exec", f"deploy/{CAMERAS}", "--", "edge-camera", "replay", "/var/lib/edge/spool")
    return [json.loads(line)["id"] for line in text.splitlines()]


def start_broker(cluster: Cluster, seen: Subscriber) -> None:
    """Start the broker where it is gone, as after a power cut; whoever subscribes is there before anything can come."""
    before = seen.subscribed()
    if ["broker", "running"] not in [line.split() for line in cluster.on_lab("status").splitlines()]:
        cluster.on_lab("broker")
        until(lambda: seen.subscribed() > before, "the subscriber is there again")


def push_to_registry(cluster: Cluster, image: str) -> str:
    """Push localhost/IMAGE to the registry beyond the uplink; return that registry."""
    registry = f"{CLOUD}:{REGISTRY_PORT}"
    cluster.on_lab("registry")
    push = ("buildah", "push", "--tls-verify=false", f"localhost/{image}", f"docker://{registry}/{image}")
    cluster.on_lab("in", "cloud", *push)
    return registry


def in_registry(image: str, *, method: str = "GET", digest: str = "") -> tuple[int, str]:
    """Ask the registry for an image's manifest; return the HTTP status, and the digest."""
    name, _, tag = image.partition(":")
    url = f"http://{CLOUD}:{REGISTRY_PORT}/v2/{name}/manifests/{digest or tag}"
    accept = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
    reply = urllib3.request(method, url, headers={"Accept": ", ".join(accept)}, retries=False, timeout=10)
    return reply.status, reply.headers.get("Docker-Content-Digest", "")


def remove_from_registry(image: str) -> None:
    """Delete an image there; it cannot be pulled any more."""
    status, digest = in_registry(image)
    assert status == 200, status
    assert in_registry(image, method="DELETE", digest=digest)[0] == 202
    assert in_registry(image)[0] == 404
