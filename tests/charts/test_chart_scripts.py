"""camera-ingest: what its preflight and its test run, run here as they are rendered."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from helm_support import at, one, render

pytestmark = pytest.mark.charts
CHART = "camera-ingest"
CONTAINER = "spec.template.spec.containers.0"


def _run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cameras.toml"
    path.write_text(one(render(CHART), "ConfigMap", "dock-preflight")["data"]["cameras.toml"], encoding="utf-8")
    return path


def _check(config: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the preflight's command on `config`; the image's entry point is `edge-camera`."""
    container = at(one(render(CHART), "Job", "dock-preflight"), CONTAINER)
    assert "command" not in container
    *command, path = container["args"]
    assert path == "/etc/edge/cameras.toml"
    program = Path(sys.executable).with_name("edge-camera")
    return subprocess.run([program, *command, config], capture_output=True, text=True, timeout=60, check=False, env=env)


def test_a_good_config_passes(config: Path) -> None:
    done = _check(config, {"EDGE_GATEWAY": "x"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: config of 1 camera\n", "")


def test_a_fault_that_no_schema_sees_is_one_line(config: Path) -> None:
    config.write_text(config.read_text().replace("[[camera]]", "[[camera]]\nfps = 1000"))
    done = _check(config, {})
    assert done.returncode == 2
    assert (
        done.stderr == f"edge-camera check: {config}: camera[0].fps: want 0.01 to 240 frames a second, found 1000.0\n"
    )


def test_a_setting_out_of_range_is_one_line(config: Path) -> None:
    done = _check(config, {"EDGE_VIEWERS": "0"})
    assert done.returncode == 2
    assert done.stderr.startswith("edge-camera check: EDGE_VIEWERS='0':") and done.stderr.count("\n") == 1


class _Page(BaseHTTPRequestHandler):
    """A camera-ingest that says what the test wants."""

    status: ClassVar[Any] = {"cameras": [{"name": "dock-3", "state": "down"}]}
    ready = 200

    def do_GET(self) -> None:
        code, body = (200, self.status) if self.path == "/status" else (self.ready, {})
        self.send_response(code)
        self.end_headers()
        self.wfile.write(msgspec.json.encode(body))

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Page", (_Page,), getattr(request, "param", {}))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _ask(url: str) -> subprocess.CompletedProcess[str]:
    container = one(render(CHART), "Pod", "dock-test")["spec"]["containers"][0]
    script, target, *cameras = container["args"]
    assert (target, cameras) == ("http://dock.edge:8090", ["dock-3"])
    return _run(script, url, *cameras)


def test_a_pod_with_our_cameras_passes_whatever_they_are_doing(page: str) -> None:
    done = _ask(page)
    assert (done.returncode, done.stdout) == (0, "dock-3 down\n")


@pytest.mark.parametrize(
    ("page", "told"),
    [
        pytest.param({"ready": 503}, "503", id="not-ready"),
        pytest.param({"status": {"cameras": []}}, "want cameras ['dock-3'], got []", id="other-cameras"),
    ],
    indirect=["page"],
)
def test_another_or_an_unready_pod_fails(page: str, told: str) -> None:
    done = _ask(page)
    assert done.returncode == 1 and told in done.stderr


def test_nobody_there_fails_in_one_line() -> None:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    done = _ask(url)
    assert done.returncode == 1
    assert done.stderr.startswith(url) and done.stderr.count("\n") == 1
