"""`edgectl demo` with the real models, on the first frames of the real clip."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import psutil
import pytest

MODELS = Path(__file__).parents[2] / "models"
EDGECTL = str(Path(sys.executable).with_name("edgectl"))
FRAMES = 15
ANY_PORT = [
    word
    for name in ("belt", "belt-metrics", "pump", "pump-metrics", "camera", "camera-metrics")
    for word in (f"--{name}-port", "0")
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed bundles with a clip of 1.5 seconds instead of 20."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("pump-failure", "belt-detector"):
        shutil.copytree(MODELS / name, folder / name, ignore=shutil.ignore_patterns("*.py", "belt.*"))
    belt, short = MODELS / "belt-detector", folder / "belt-detector"
    truth = (belt / "belt.truth.jsonl").read_text().splitlines(keepends=True)
    (short / "belt.truth.jsonl").write_text("".join(truth[:FRAMES]))
    _cut(belt / "belt.mp4", short / "belt.mp4")
    return folder


def _cut(source: Path, target: Path) -> None:
    reader = cv2.VideoCapture(str(source))
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), reader.get(cv2.CAP_PROP_FPS), size)
    for _ in range(FRAMES):
        good, frame = reader.read()
        assert good
        writer.write(frame)
    writer.release()
    reader.release()


def test_the_whole_chain(models: Path) -> None:
    command = [EDGECTL, "demo", "--models", str(models), *ANY_PORT]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    text = done.stderr.decode()
    assert done.returncode == 0, text
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[0]["kind"], events[0]["camera_state"]) == ("state", "ok")
    assert events[1]["kind"] == "detection"
    assert events[1]["answers"], "the first frame already shows parcels"
    assert events[-1]["summary"]["captured"] == FRAMES
    for words in (
        "live page: http://127.0.0.1:",
        "precision / recall",
        "memory (PSS) edge-camera",
        "passed",
        "all is well",
    ):
        assert words in text
    assert text.count("pump-failure: pump-") == 5


def test_a_taken_port_is_replaced_and_sigterm_leaves_nothing_running(models: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        taken = str(other.getsockname()[1])
        command = [EDGECTL, "demo", "--forever", "--models", str(models), *ANY_PORT, "--camera-port", taken]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            assert json.loads(demo.stdout.readline())["camera_state"] == "ok"
            children = psutil.Process(demo.pid).children()
            demo.send_signal(signal.SIGTERM)
            _, text = demo.communicate(timeout=30)
    assert demo.returncode == 0, text
    assert f"port {taken} is taken by" in text
    assert len(children) == 3
    assert psutil.wait_procs(children, timeout=0)[1] == []


@pytest.mark.parametrize("words", ["is ready after", "live page"])
def test_ctrl_c_at_any_moment_is_a_stop_and_no_failure(models: Path, words: str, tmp_path: Path) -> None:
    command = [EDGECTL, "demo", "--models", str(models), *ANY_PORT]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env) as demo:
        assert demo.stderr is not None
        while words not in (line := demo.stderr.readline()):
            assert line, "it ended by itself"
        demo.send_signal(signal.SIGINT)
        rest = demo.stderr.read()
    assert demo.returncode == 130 and "stopped" in rest and "failed" not in rest, rest
    assert list(tmp_path.glob("edge-demo-*")) == []


def test_a_service_that_dies_ends_the_demo_with_the_reason(models: Path) -> None:
    command = [EDGECTL, "demo", "--forever", "--models", str(models), *ANY_PORT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert json.loads(demo.stdout.readline())["camera_state"] == "ok"
        children = psutil.Process(demo.pid).children()
        next(child for child in children if "pump-failure" in " ".join(child.cmdline())).kill()
        began = time.monotonic()
        _, text = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "failed: pump-failure was killed by SIGKILL" in text
    assert "logs are in" in text
    assert time.monotonic() - began < 10
    assert psutil.wait_procs(children, timeout=0)[1] == []
