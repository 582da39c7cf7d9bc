"""`python -m edge_camera.capture.child FD`: read one camera, as the job on stdin says, and feed the socket FD.

This process may be killed at any moment and may crash; its parent makes a new one.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec

from edge_camera.capture.feed import Feed
from edge_camera.capture.grab import read_rtsp, read_v4l2
from edge_camera.capture.images import read_images
from edge_camera.capture.messages import MAX_JOB_BYTES, Failed, Failure, Finished, Job, Kind, Reason
from edge_camera.capture.mjpeg import read_mjpeg

_PR_SET_PDEATHSIG = 1
_READERS: dict[Kind, Callable[[Job, Feed, Callable[[], str]], None]] = {
    Kind.RTSP: read_rtsp,
    Kind.MJPEG: read_mjpeg,
    Kind.V4L2: read_v4l2,
    Kind.IMAGES: read_images,
}


def main(argv: list[str]) -> int:
    """Read until the end; return the exit code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A core would hold the password, and a Ctrl-C at the terminal is for the parent.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(argv[1]))
    job = msgspec.json.decode(sys.stdin.buffer.read(MAX_JOB_BYTES), type=Job)
    # Gone before prctl was in force.
    if os.getppid() != job.parent:
        return 1
    complaints = _mute()
    cv2.setNumThreads(1)
    feed = Feed(sock, lockstep=job.kind is Kind.IMAGES)
    return _run(job, feed, complaints)


def _run(job: Job, feed: Feed, complaints: Callable[[], str]) -> int:
    try:
        _READERS[job.kind](job, feed, complaints)
    except Failure as exc:
        feed.end(Failed(exc.reason, exc.detail))
    except (BrokenPipeError, ConnectionResetError):
        return 1
    except Exception as exc:  # noqa: BLE001  # the one of this process; only where it was, never what it says
        where = traceback.extract_tb(exc.__traceback__)[-1]
        feed.end(Failed(Reason.CRASHED, f"{type(exc).__name__} at {Path(where.filename).name}:{where.lineno}"))
        return 1
    else:
        feed.end(Finished())
    return 0


def _mute() -> Callable[[], str]:
    """Lead stdout and stderr into a pipe that only this process reads; return what reads it.

    Libraries print URLs with passwords. What does not fit into the pipe is lost: nobody waits for it.
    """
    libc = ctypes.CDLL(None)
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for output in (1, 2):
        os.dup2(write, output)
    os.close(write)

    def complaints() -> str:
        # OpenCV hands FFmpeg's words to C's buffered stdout.
        libc.fflush(None)
        try:
            return os.read(read, 65536).decode("utf-8", "replace")
        except BlockingIOError:
            return ""

    return complaints


if __name__ == "__main__":
    sys.exit(main(sys.argv))
