"""edge-camera with a stopwatch at each stage of a frame.

    python timed.py CONFIG PORT OUT

runs what `edge-camera CONFIG --port PORT` runs and, when it has been stopped, writes to OUT
{"stages": [[stage, end, cpu_ms, wall_ms]...], "answers": [[end, camera, age_ms]...]}; `end` is on the monotonic clock,
which is one for all processes. A stage's time is its own, without that of a stage inside it. Decoding is not among
them: it is the children's, whose CPU the caller has from the kernel.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from edge_camera import client
from edge_camera.capture.ring import RingReader
from edge_camera.health import PictureHealth
from edge_camera.mask import Mask
from edge_camera.motion import MotionGate
from edge_camera.pod import run
from edge_camera.record import Record
from edge_camera.settings import Settings
from edge_common.settings import load_settings


class Stopwatch:
    """Own CPU and wall time of nested stages, by thread."""

    def __init__(self) -> None:
        self.laps: list[tuple[str, float, float, float]] = []
        self._inside = threading.local()

    def around(self, stage: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return `step`, timed as `stage`."""

        @wraps(step)
        def timed(*args: Any, **more: Any) -> Any:
            outer: list[float] = getattr(self._inside, "sums", [0.0, 0.0])
            own = self._inside.sums = [0.0, 0.0]
            cpu, wall = time.thread_time(), time.monotonic()
            try:
                return step(*args, **more)
            finally:
                cpu, now = time.thread_time() - cpu, time.monotonic()
                wall = now - wall
                self.laps.append((stage, now, (cpu - own[0]) * 1000, (wall - own[1]) * 1000))
                outer[0] += cpu
                outer[1] += wall
                self._inside.sums = outer

        return timed


def install(watch: Stopwatch, answers: list[tuple[float, str, float]]) -> None:
    """Put the stopwatch around the stages, and note each answer's age."""
    for owner, name, stage in (
        (RingReader, "take", "copy"),
        (PictureHealth, "look", "health"),
        (Mask, "apply", "mask"),
        (MotionGate, "admit", "motion"),
        # All of a question but the two below: shrinking, turning to RGB, the request's bytes.
        (client.InferenceClient, "ask", "encode"),
        (client.InferenceClient, "_call", "wait"),
        (client, "decode_reply", "answer"),
        (client, "read_answers", "answer"),
    ):
        setattr(owner, name, watch.around(stage, getattr(owner, name)))
    answered = Record.answered

    def noted(self: Record, age_s: float, *more: Any) -> None:
        answers.append((time.monotonic(), self.camera, age_s * 1000))
        answered(self, age_s, *more)

    setattr(Record, "answered", noted)  # noqa: B010  # mypy refuses the plain assignment


def main() -> int:
    config, port, out = sys.argv[1:]
    watch, answers = Stopwatch(), list[tuple[float, str, float]]()
    install(watch, answers)
    flags = {"EDGE_HOST": "127.0.0.1", "EDGE_PORT": port, "EDGE_METRICS_PORT": "0"}
    code = run(load_settings(Settings, flags, {}), Path(config))
    Path(out).write_text(json.dumps({"stages": watch.laps, "answers": answers}))
    return code


if __name__ == "__main__":
    sys.exit(main())
