"""A real RTSP camera for tests: the program that RTSP_CAMERA names, run with Debian's Python and GStreamer."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(os.environ.get("RTSP_CAMERA", Path(__file__).parents[2] / "shared/lab/rtsp-camera"))
# GStreamer's introspection exists for Debian's own Python only.
PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly gstreamer1.0-libav"
)
_PROBE = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
print([name for name in ("x264enc", "rtph264pay", "videotestsrc") if Gst.ElementFactory.find(name) is None])
"""


@functools.cache
def missing() -> str | None:
    """Return what the RTSP camera lacks on this machine, in words; None when it can run."""
    if not PROGRAM.is_file():
        return f"no RTSP camera program at {PROGRAM}; set RTSP_CAMERA"
    probe = subprocess.run([PYTHON, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    if probe.returncode or probe.stdout.strip() != "[]":
        return f"the RTSP camera needs Debian's packages: apt-get install {PACKAGES}"
    return None


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class RtspCamera:
    """One camera process; start, hang, wake and kill it. Skips the test when it cannot run here."""

    def __init__(self, *options: str, port: int | None = None) -> None:
        if (why := missing()) is not None:
            pytest.skip(why)
        self.port = free_port() if port is None else port
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The stream's URL, without credentials."""
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        """Start the process and return once it listens."""
        command = [PYTHON, str(PROGRAM), "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        # It prints its URL once it listens.
        assert self._process.stdout.readline().startswith("rtsp://"), f"{PROGRAM} does not start"

    def hang(self) -> None:
        """Stop the process: connections stay open and nothing comes."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let a hung process go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process as a power cut does; harmless when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=10)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGSTOP:
            # Only when the kernel says so has it stopped.
            os.waitpid(self._process.pid, os.WUNTRACED)

    def __enter__(self) -> RtspCamera:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
