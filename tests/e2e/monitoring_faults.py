"""Faults that the lab can cause, what each has to set off, and how each ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.clients import load
from e2e.cloud import GATEWAY
from e2e.cluster import KEPT, NAMESPACE, ROOT, Cluster, until
from e2e.monitoring import WATCHED, Watch
from e2e.releases import CAMERAS, DETECTOR, PUMP, PYTHON, begin, serving

HUNG_PORT, DARK_PORT = 8556, 8557
SLOW, BROKEN, GONE = "slow", "broken", "gone"
RELEASES = {DETECTOR, PUMP, SLOW, BROKEN, GONE}
# Takes memory to the last page, and gives it back when its input ends.
HOG = "import sys; taken = bytearray(b'x') * int(sys.argv[1]); print('taken', flush=True); sys.stdin.read()"
NEARLY = 0.95
# Half a CPU answers some fifty calls a second: those of so many clients wait for each other, past the budget of 150 ms.
SLOW_CPU, CLIENTS = "500m", 24


@dataclass(frozen=True, slots=True)
class Fault:
    """`alerts`: what becomes true, each by its name and labels. `cause` begins it, `mend` ends it."""

    name: str
    alerts: tuple[tuple[str, Mapping[str, str]], ...]
    cause: Callable[[], object]
    mend: Callable[[], object]


# A clip, since a still picture is soon told as frozen, and a ball on black as black.
BELT, BLACK = ("--file", str(ROOT / "models" / "belt-detector" / "belt.mp4")), ("--pattern", "black")


class Camera:
    """A real RTSP camera on the gateway's side; it shows the belt."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        assert cluster.lab is not None
        self.url = f"rtsp://{GATEWAY}:{port}/stream"
        program = os.environ.get("RTSP_CAMERA", str(cluster.lab.parent / "rtsp-camera"))
        self._words = [str(cluster.lab), "in", "gateway", program, "--host", GATEWAY, "--port", str(port)]
        self._said = KEPT / f"camera-{port}.log"
        self._process = self._start(BELT)

    def _start(self, shown: tuple[str, ...]) -> subprocess.Popen[bytes]:
        with self._said.open("wb") as log:
            return subprocess.Popen([*self._words, *shown], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def show(self, shown: tuple[str, ...]) -> None:
        """Show another picture, as when a lens is covered or freed."""
        self.end()
        self._process = self._start(shown)

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(30)


@contextmanager
def cameras(cluster: Cluster) -> Iterator[dict[str, Camera]]:
    """Two cameras that can be broken, by the names they have in camera-ingest."""
    found = {"hung": Camera(cluster, HUNG_PORT), "dark": Camera(cluster, DARK_PORT)}
    try:
        yield found
    finally:
        for camera in found.values():
            camera.end()


def values(model: str, **more: Any) -> dict[str, Any]:
    """Values of a release that this Prometheus may scrape, and whose preflight is no part of the test."""
    return {"model": {"name": model, "version": "1.0.0"}, "preflight": {"enabled": False}, **WATCHED, **more}


def install(cluster: Cluster, surroundings: Mapping[str, Any], two: Mapping[str, Camera]) -> None:
    """Bring every release to where the faults begin."""
    begin(cluster, DETECTOR, values(DETECTOR))
    begin(cluster, PUMP, values(PUMP))
    begin(cluster, SLOW, values(DETECTOR, resources={"limits": {"cpu": SLOW_CPU}}))
    # Recreate: nothing of the version before is left to answer.
    begin(cluster, BROKEN, values(DETECTOR, strategy={"type": "Recreate"}))
    begin(cluster, GONE, values(PUMP))
    seen = {**surroundings["cameras"], **{name: {"url": camera.url} for name, camera in two.items()}}
    begin(cluster, CAMERAS, {**surroundings, **WATCHED, "cameras": seen}, chart="camera-ingest")


def remove(cluster: Cluster) -> None:
    """Uninstall what no other test uses, and bring the cameras' model back."""
    for release in (SLOW, BROKEN, GONE):
        cluster.helm("uninstall", release, "--ignore-not-found", "--wait", check=False)


class Stage:
    """The faults on one cluster; what they hold open ends with `held`."""

    def __init__(self, cluster: Cluster, watch: Watch, two: Mapping[str, Camera], held: ExitStack) -> None:
        self.cluster, self.watch, self.two, self.held = cluster, watch, two, held
        self.clients = held.enter_context(ExitStack())
        self.hog: subprocess.Popen[str] | None = None

    def faults(self) -> list[Fault]:
        """Return all of them, those first whose rules wait longest."""
        two = self.two
        return [
            Fault("model too slow for its clients", (("EdgeModelSlow", {"release": SLOW, "severity": "critical"}),), self.crowd,
                  self.clients.close),
            Fault("version that fails its self-check", (
                ("EdgeModelNotReady", {"release": BROKEN}), ("EdgeModelSelfCheckFailed", {"release": BROKEN}),
                ("EdgeRolloutStuck", {"release": BROKEN, "sign": "unready"}),
            ), lambda: self.version(BROKEN, "1.2.0"), lambda: self.version(BROKEN, "1.0.0")),
            Fault("model that fails on live frames", (
                ("EdgeModelFailing", {"release": DETECTOR}), ("EdgeFramesLost", {"camera": "dock"}),
            ), lambda: self.version(DETECTOR, "1.6.0"), lambda: self.version(DETECTOR, "1.0.0")),
            Fault("memory near its limit", (("EdgeMemoryNearLimit", {"release": PUMP}),), self.fill, self.free),
            Fault("pod gone", (("EdgeTargetMissing", {"release": GONE, "sign": "gone"}),),
                  lambda: self.scale(0), lambda: self.scale(1)),
            Fault("camera hung", (("EdgeCameraBlind", {"camera": "hung"}),), two["hung"].hang, two["hung"].go_on),
            Fault("camera black", (("EdgeCameraBlind", {"camera": "dark"}),),
                  lambda: two["dark"].show(BLACK), lambda: two["dark"].show(BELT)),
            Fault("uplink cut", (("EdgeUplinkDown", {}), ("EdgeCameraBlind", {"camera": "yard"})),
                  lambda: self.cluster.on_lab("cut"), lambda: self.cluster.on_lab("heal")),
        ]  # fmt: skip

    def crowd(self) -> None:
        """More clients than the model can answer in time."""
        self.clients.enter_context(load(self.cluster, DETECTOR, clients=CLIENTS, release=SLOW, failing=True))

    def version(self, release: str, version: str) -> None:
        self.upgrade(release, f"model.version={version}")

    def upgrade(self, release: str, *pairs: str) -> None:
        """Upgrade without a wait and without a way back: here the fault is wanted."""
        sets = [word for pair in pairs for word in ("--set-string", pair)]
        self.cluster.helm("upgrade", release, "charts/edge-inference", "--reset-then-reuse-values", *sets)

    def scale(self, replicas: int) -> None:
        self.cluster.kubectl("scale", f"deploy/{GONE}", f"--replicas={replicas}")

    def fill(self) -> None:
        """Take the pod's memory up to nearly its limit."""
        (pod,) = serving(self.cluster, PUMP)
        name = pod["metadata"]["name"]
        # Its own id: of a container that has ended the samples stay for five minutes.
        (status,) = pod["status"]["containerStatuses"]
        of = f'{{namespace="{NAMESPACE}",pod="{name}",id=~".*/{status["containerID"].rpartition("/")[2]}"}}'
        ask = self.watch.prometheus.ask
        # The kubelet counts a new container some seconds after it has begun.
        (limit,) = until(lambda: ask(f"container_spec_memory_limit_bytes{of}"), f"the limit of {name} is told")
        (used,) = until(lambda: ask(f"container_memory_working_set_bytes{of}"), f"the memory of {name} is told")
        size = str(int(limit.value * NEARLY - used.value))
        command = ["kubectl", "-n", NAMESPACE, "exec", "-i", name, "--", PYTHON, "-c", HOG, size]
        self.hog = self.held.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.cluster.env)
        )
        assert self.hog.stdout is not None
        assert self.hog.stdout.readline() == "taken\n"

    def free(self) -> None:
        assert self.hog is not None
        self.hog.communicate(timeout=60)
