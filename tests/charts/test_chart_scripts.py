"""camera-ingest: what its preflight and its test run, run here as they are rendered."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from edge_camera.reload import LOOK_S
from helm_support import CASES, at, one, render

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
    command, path, *more = container["args"]
    assert (command, path, more) == ("check", "/etc/edge/cameras.toml", ["--ask-model"])
    program = Path(sys.executable).with_name("edge-camera")
    return subprocess.run([program, command, config], capture_output=True, text=True, timeout=60, check=False, env=env)


def test_a_good_config_passes(config: Path) -> None:
    done = _check(config, {"EDGE_GATEWAY": "x"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: config of 1 camera\n", "")


def test_a_fault_that_no_schema_sees_is_one_line(config: Path) -> None:
    config.write_text(config.read_text().replace("[[camera]]", "[[camera]]\nfps = 1000"))
    done = _check(config, {})
    assert done.returncode == 2
    assert (
        done.stderr
        == f"edge-camera check: {config}: camera dock-3: fps: want 0.01 to 240 frames a second, found 1000.0\n"
    )


def test_a_setting_out_of_range_is_one_line(config: Path) -> None:
    done = _check(config, {"EDGE_VIEWERS": "0"})
    assert done.returncode == 2
    assert done.stderr.startswith("edge-camera check: EDGE_VIEWERS='0':") and done.stderr.count("\n") == 1


def _camera(name: str = "dock-3", state: str = "ok", answers: str | None = "ok", detail: str = "") -> dict[str, Any]:
    return {"name": name, "state": state, "answer_state": answers, "model": "belt-detector", "detail": detail}


class _Page(BaseHTTPRequestHandler):
    """A camera-ingest that says what the test wants: each of `says` once, and the last for ever."""

    says: ClassVar[list[dict[str, Any]]] = [{"cameras": [_camera()]}]
    ready = 200

    def do_GET(self) -> None:
        if self.path != "/status":
            return self._reply(self.ready, {})
        says = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        return self._reply(200, {"config": {"sha256": CONFIG, "refused": None}} | says)

    def _reply(self, code: int, body: Any) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(msgspec.json.encode(body))

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _config_hash() -> str:
    """Of the file as the pod has it."""
    text: str = one(render(CHART), "ConfigMap")["data"]["cameras.toml"]
    return hashlib.sha256(text.encode()).hexdigest()


CONFIG = "0" * 64


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Page", (_Page,), getattr(request, "param", {}))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _ask(url: str, *, hurry: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the test's script as it is rendered; in a hurry it has hardly any patience."""
    container = one(render(CHART), "Pod", "dock-test")["spec"]["containers"][0]
    script, target, config, *cameras = container["args"]
    assert (target, config, cameras) == ("http://dock.edge:8090", _config_hash(), ["dock-3"])
    if hurry:
        script, count = re.subn(r"(?m)^([A-Z]+_S) = \d+$", r"\1 = 0.1", script)
        assert count == 3
    return _run(script, url, CONFIG, *cameras)


@pytest.mark.parametrize(
    "file", [None, *(path for chart, path in CASES if chart == CHART)], ids=lambda p: getattr(p, "stem", p)
)
def test_the_test_waits_for_the_very_bytes_of_the_pod_s_config(file: Path | None) -> None:
    manifests = render(CHART, file=file)
    text = one(manifests, "ConfigMap")["data"]["cameras.toml"]
    wanted = one(manifests, "Pod", "dock-test")["spec"]["containers"][0]["args"][2]
    assert wanted == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("page", "told"),
    [
        pytest.param({}, "dock-3 ok, answers ok", id="well"),
        pytest.param({"says": [{"cameras": [_camera(state="down", answers=None)]}]}, "dock-3 down, answers none", id="down"),
        pytest.param({"says": [{"cameras": [_camera(answers="timeout")]}]}, "dock-3 ok, answers timeout", id="slow-model"),
        pytest.param({"says": [{"cameras": [_camera(answers=None)]}, {"cameras": [_camera()]}]}, "dock-3 ok, answers ok", id="first-frame-to-come"),
        pytest.param({"says": [{"cameras": [_camera(answers="error")]}, {"cameras": [_camera()]}]}, "dock-3 ok, answers ok", id="model-restarts"),
        pytest.param(
            {"says": [{"config": {"sha256": "1" * 64, "refused": None}, "cameras": [_camera("other", answers="error")]}, {"cameras": [_camera()]}]},
            "dock-3 ok, answers ok", id="old-config-first",
        ),
    ],
    indirect=["page"],
)  # fmt: skip
def test_a_pod_with_our_cameras_passes_whatever_they_are_doing(page: str, told: str) -> None:
    done = _ask(page)
    assert (done.returncode, done.stdout) == (0, f"{told}\n"), done.stderr


@pytest.mark.parametrize(
    ("page", "told"),
    [
        pytest.param({"ready": 503}, "503", id="not-ready"),
        pytest.param({"says": [{"cameras": []}]}, "want cameras ['dock-3'], got []", id="other-cameras"),
        pytest.param(
            {"says": [{"cameras": [_camera(answers="error", detail="HTTP 404: unknown model")]}]},
            "camera dock-3: asking belt-detector: HTTP 404: unknown model", id="unknown-model",
        ),
        pytest.param(
            {"says": [{"config": {"sha256": "1" * 64, "refused": None}, "cameras": [_camera()]}]},
            f"want config {CONFIG[:12]} of this revision, it runs 111111111111\n", id="old-config",
        ),
        pytest.param(
            {"says": [{"config": {"sha256": "1" * 64, "refused": "camera dock-3: fps"}, "cameras": [_camera()]}]},
            "it runs 111111111111; it refused: camera dock-3: fps\n", id="refused-config",
        ),
    ],
    indirect=["page"],
)  # fmt: skip
def test_another_or_an_unready_pod_fails(page: str, told: str) -> None:
    done = _ask(page, hurry=True)
    assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1


def test_nobody_there_fails_in_one_line() -> None:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    done = _ask(url, hurry=True)
    assert done.returncode == 1
    assert done.stderr.startswith(url) and done.stderr.count("\n") == 1


def test_the_test_s_patience_outlasts_the_kubelet_and_fits_into_helm_s() -> None:
    script = one(render(CHART), "Pod", "dock-test")["spec"]["containers"][0]["args"][0]
    given = {name: int(seconds) for name, seconds in re.findall(r"(?m)^([A-Z]+_S) = (\d+)$", script)}
    # The kubelet looks every 60 to 90 s; the process a second later.
    assert given["CONFIG_S"] >= 90 + LOOK_S
    assert sum(given.values()) < one(render(CHART), "Pod", "dock-test")["spec"]["activeDeadlineSeconds"]
