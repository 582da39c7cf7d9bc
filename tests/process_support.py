"""The real edge-camera process for tests: run to its end, or watched while it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import urllib3
from jsonschema import Draft202012Validator

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))
SCHEMA = json.loads((Path(__file__).parents[1] / "docs/event.schema.json").read_text())


def clip_config(folder: Path, url: str, clip: Path, extra: str = "", deadline_ms: int = 300) -> Path:
    """Write the config of one camera, dock-3, with `extra` lines in its table; return its path."""
    path = folder / "cameras.toml"
    path.write_text(
        f'[inference]\nurl = "{url}"\nmodel = "square-detector"\ndeadline_ms = {deadline_ms}\n'
        f'[[camera]]\nname = "dock-3"\nurl = "{clip}"\nfps = 240\n{extra}[sinks]\nstdout = true\n'
    )
    return path


def command_of(config: Path, *more: str) -> list[str]:
    """The command line of the pod, on free ports of this machine."""
    return [PROGRAM, str(config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", *more]


class Outcome:
    """What a run to the end left behind; every event is checked against the schema, and the books."""

    def __init__(self, folder: Path, config: Path) -> None:
        report, answers = folder / "report.json", folder / "answers.jsonl"
        command = command_of(config, "--exit-at-end", "true", "--report", str(report), "--answers", str(answers))
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        self.log = done.stderr.decode()
        assert done.returncode == 0, self.log
        self.events = [json.loads(line) for line in done.stdout.splitlines()]
        for event in self.events:
            Draft202012Validator(SCHEMA).validate(event)
        self.answers = [json.loads(line) for line in answers.read_text().splitlines()]
        self.totals: dict[str, Any] = json.loads(report.read_text())["cameras"]["dock-3"]
        lost = sum(count for cause, count in self.totals["lost"].items() if cause != "decode")
        assert self.totals["captured"] == sum(self.totals[key] for key in ("replaced", "motion", "fps", "sent"))
        assert self.totals["sent"] == self.totals["answered"] + lost == len(self.answers)

    def states(self, kind: str) -> set[str]:
        return {event["state"] for event in self.events if event["kind"] == kind}


def ports_of(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait until it listens; return the ports of page and metrics."""
    assert process.stderr is not None
    for line in process.stderr:
        message = json.loads(line)["message"]
        if message.startswith("page on port"):
            words = message.replace(",", "").split()
            return int(words[3]), int(words[-1])
    raise AssertionError("edge-camera ended before it listened")


def read_picture(response: urllib3.BaseHTTPResponse) -> np.ndarray[Any, Any]:
    """Read one MJPEG part and decode it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += response.read(1)
    length = int(head.lower().split(b"content-length:")[1].split()[0])
    jpeg = response.read(length)
    assert response.read(2) == b"\r\n"
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


class Watched:
    """A running process's status and metrics."""

    def __init__(self, ports: tuple[int, int]) -> None:
        self._page, self._metrics = ports

    def totals(self) -> dict[str, Any]:
        status = urllib3.request("GET", f"http://127.0.0.1:{self._page}/status").json()
        return {camera["name"]: camera["totals"] for camera in status["cameras"]}

    def metrics(self) -> str:
        return urllib3.request("GET", f"http://127.0.0.1:{self._metrics}/metrics").data.decode()
