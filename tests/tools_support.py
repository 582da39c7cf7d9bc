"""What the tests of edge-camera's commands share: spooled events as the pod makes them, and the program itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from edge_camera.answer import Answer
from edge_camera.client import State
from edge_camera.events import Event, FrameInfo, new_id, timestamp
from edge_camera.metrics import CameraState

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))
START = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[1] / "docs/event.schema.json").read_text())


def at(seconds: float) -> datetime:
    """So long after START."""
    return START + timedelta(seconds=seconds)


def answer(label: str, score: float = 0.9, track: str | None = None) -> Answer:
    box = (1.0, 2.0, 30.0, 40.0)
    return Answer(label=label, score=score, box=box, track=msgspec.UNSET if track is None else track)


def event(seconds: float, camera: str = "dock-3", kind: str = "detection", **changes: Any) -> Event:
    """An event as the pod makes one, `seconds` after START; a summary's own figures are left out."""
    wall = at(seconds).timestamp()
    priority = {"detection": "low", "summary": "normal"}.get(kind, "high")
    about_frame = kind in {"detection", "alert"}
    fields: dict[str, Any] = {
        "id": new_id(wall), "gateway": "gw-1", "camera": camera, "kind": kind, "state": State.OK,
        "captured_at": timestamp(wall), "clock_synced": True, "age_ms": 12.5 if about_frame else None,
        "model": "belt-detector", "model_version": "1.0.0" if about_frame else None,
        "frame": FrameInfo(w=640, h=480, seq=max(0, int(seconds * 10))) if about_frame else None, "answers": [],
        "priority": priority,
    }  # fmt: skip
    if kind == "state":
        fields["camera_state"] = CameraState.OK
    return Event(**{**fields, **changes})


def run(*arguments: str | Path, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    """Run the installed program."""
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def is_one_line(done: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Exit code 2, nothing on stdout, and one line on stderr that has `words`."""
    text = done.stderr
    whole = done.returncode == 2 and done.stdout == "" and text.count("\n") == 1 and "Traceback" not in text
    return whole and all(word in text for word in words)


def spooled(events: Sequence[Event]) -> list[tuple[bytes, str]]:
    """What a spool takes."""
    return [(one.line(), one.priority) for one in events]
