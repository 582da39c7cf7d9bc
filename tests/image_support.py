"""Images built and run for tests, with podman or docker, as a gateway runs them: read-only, without any privilege."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import urllib3

from live import until

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "Dockerfiles"
# A wrapper of `buildah build` that stands beside the repository on some machines; IMAGE_BUILD names another.
WRAPPER = ROOT.parent / "shared/lab/lab"
REGISTRY = "localhost/edge-serve-tests"
INFERENCE = f"{REGISTRY}/edge-inference:0.1.0"
CAMERA = f"{REGISTRY}/edge-camera-ingest:0.1.0"
GUARD = f"{REGISTRY}/edge-guard:0.1.0"
BELT = f"{REGISTRY}/edge-model-belt-detector:1.0.0"
PUMP = f"{REGISTRY}/edge-model-pump-failure:1.0.0"
BUILD_S = 900.0
RUN_S = 120.0
PYTHON = "/usr/bin/python3.11"


def missing() -> str | None:
    """Return what building and running images lacks here, in words; None when it can be done."""
    if not (shutil.which("podman") or shutil.which("docker")):
        return "the images' tests need podman (or docker) on PATH to run containers"
    if not (builder() or shutil.which("podman") or shutil.which("docker")):
        return "the images' tests need buildah, podman or docker on PATH to build"
    if os.geteuid() and not shutil.which("newuidmap"):
        return "the images' tests need root, or podman's set-up for other users (newuidmap)"
    return None


def engine() -> str:
    return "podman" if shutil.which("podman") else "docker"


def builder() -> str:
    """Return the value of IMAGE_BUILD for a build here; empty lets build.py choose."""
    return os.environ.get("IMAGE_BUILD") or (f"{WRAPPER} build" if WRAPPER.is_file() else "")


def tool(name: str, *words: str) -> str:
    """Run Dockerfiles/<name>.py and return what it printed; an AssertionError has its stderr."""
    done = subprocess.run(
        [sys.executable, TOOLS / f"{name}.py", *words],
        env=os.environ | {"IMAGE_BUILD": builder()}, capture_output=True, text=True, timeout=BUILD_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def built() -> str:
    """Build all images once a test run and return what the build printed; skips the test where it cannot be."""
    if (why := missing()) is not None:
        pytest.skip(why)
    return tool("build", "--registry", REGISTRY)


@cache
def layers(image: str) -> list[dict[str, Any]]:
    """Return the image's layers, lowest first, as report.py tells them: digest, compressed, unpacked, files."""
    found: list[dict[str, Any]] = json.loads(tool("report", "--json", image))[image]
    return found


def command(*options: str) -> list[str]:
    """Return the words of a run as strict as the charts': no new file, no privilege, half a core, little memory."""
    # podman would put a writable /tmp on a read-only root.
    strict = ["--read-only-tmpfs=false"] if engine() == "podman" else []
    return [
        engine(), "run", "--rm", "--network", "host", "--read-only", *strict, "--cap-drop", "all",
        "--security-opt", "no-new-privileges", "--memory", "256m", "--cpus", "0.5", *options,
    ]  # fmt: skip


def python(image: str, program: str, *options: str) -> str:
    """Run a Python program inside the image and return what it printed."""
    words = [*command("--entrypoint", PYTHON, *options), image, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Container:
    """A service of an image on free ports of the loopback address; use it as a context."""

    def __init__(self, image: str, log: Path, *words: str, options: tuple[str, ...] = ()) -> None:
        self.name = f"edge-test-{uuid.uuid4().hex[:8]}"
        settings = [f"--env=EDGE_{key}" for key in ("HOST=127.0.0.1", "PORT=0", "METRICS_PORT=0")]
        self._log = log
        with log.open("wb") as out:
            run = command("--name", self.name, *settings, *options)
            self._process = subprocess.Popen([*run, image, *words], stdout=out, stderr=subprocess.STDOUT)

    def __enter__(self) -> Container:
        try:
            self.port, self.metrics_port = until(self._ports, "the ports in the log", RUN_S)
        except AssertionError:
            self.__exit__()
            raise AssertionError(f"does not start: {self.log()}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            subprocess.run([engine(), "rm", "-f", self.name], capture_output=True, timeout=RUN_S, check=False)
        self._process.wait(RUN_S)

    def log(self) -> str:
        return self._log.read_text()

    def messages(self) -> list[str]:
        return [json.loads(line).get("message", "") for line in self.log().splitlines() if line.startswith("{")]

    def _ports(self) -> tuple[int, int] | None:
        assert self._process.poll() is None
        for message in self.messages():
            words = message.replace(",", "").split()
            if "on port" in message and "metrics" in words:
                return int(words[words.index("port") + 1]), int(words[-1])
        return None

    def ready(self) -> Container:
        until(lambda: self.request("GET", "/v2/health/ready").status == 200, f"ready: {self.log()}", RUN_S)
        return self

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request(method, f"http://127.0.0.1:{self.port}{path}", body=body, headers=headers, retries=False)

    def stop(self) -> int:
        """Let the engine stop it, by SIGTERM and ten seconds later by SIGKILL; return the exit code."""
        subprocess.run([engine(), "stop", "--time", "10", self.name], check=True, capture_output=True, timeout=RUN_S)
        return self._process.wait(RUN_S)
