"""Four cameras to read: real RTSP ones where the program for it is there, else the demonstration's clip as a file."""

from __future__ import annotations

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "models/belt-detector/belt.mp4"
FPS, SIZE = 10, "640x480"
# As the tests find it (tests/rtsp.py), and as they run it: GStreamer's introspection is Debian's own Python's.
_PROGRAM = Path(os.environ.get("RTSP_CAMERA", ROOT.parent / "shared/lab/rtsp-camera"))
_PYTHON = "/usr/bin/python3"
_START_S = 20.0


@contextmanager
def cameras(count: int) -> Iterator[tuple[list[str], str]]:
    """Yield the cameras' URLs or paths, and in words what they are; they end with the `with`."""
    if not _PROGRAM.is_file():
        yield [str(CLIP)] * count, "files: RTSP_CAMERA names no RTSP camera program"
        return
    running: list[subprocess.Popen[str]] = []
    try:
        urls = [_start(running) for _ in range(count)]
        if None in urls:
            yield [str(CLIP)] * count, "files: the RTSP camera program does not start; see the packages in .ci/run"
        else:
            yield [url for url in urls if url], f"RTSP cameras (H.264, {SIZE}, {FPS} fps, the clip in a loop)"
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _start(running: list[subprocess.Popen[str]]) -> str | None:
    """Start one; return its URL once it listens, None when it does not."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    options = ["--port", port, "--file", str(CLIP), "--size", SIZE, "--fps", str(FPS)]
    process = subprocess.Popen(
        [_PYTHON, str(_PROGRAM), *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    running.append(process)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_S)
    line = process.stdout.readline().strip() if ready else ""
    return line if line.startswith("rtsp://") else None
