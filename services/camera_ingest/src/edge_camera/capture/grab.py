"""Reading through OpenCV's VideoCapture: RTSP by FFmpeg, and V4L2."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import cv2
import numpy as np

from edge_camera.capture.feed import Feed, stamp_now
from edge_camera.capture.messages import Failure, Job, Reason
from edge_camera.frame import Pixels

# FFmpeg's own count of frames to learn a frame rate by: with it, opening takes two seconds (docs/camera.md).
_FFMPEG = "rtsp_transport;{}|fpsprobesize;0"
_FFMPEG_ERRORS = "16"
# How long after opening frames may be left out for being old.
_BACKLOG_S = 3.0
# Frames of one burst come closer than this when their times are of no help.
_BURST_S = 0.004
_BAD_NAMES = ("Connection refused", "No route to host", "Network is unreachable", "resolve hostname", "timed out")


class Backlog:
    """Tell the frames that piled up while the stream was opened from those that come as they are taken.

    They are read in a burst and would be stamped as new, though up to a second old. The burst shows in frames that
    come in less than half the time that lies between them.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._last = (0.0, 0.0)
        self.over = False

    def holds(self, now: float, position_s: float) -> bool:
        """Return True when the frame read at `now`, at `position_s` on its stream's own time line, is old."""
        if self.over:
            return False
        first, (before, at) = self._began is None, self._last
        self._began = now if self._began is None else self._began
        self._last = (now, position_s)
        if first:
            return True
        # FFmpeg places the first two frames alike; a stream whose times say nothing has only its pace.
        own_pace = now - before >= max((position_s - at) / 2, _BURST_S)
        self.over = own_pace or now - self._began >= _BACKLOG_S
        return not self.over


def read_rtsp(job: Job, feed: Feed, complaints: Callable[[], str]) -> None:
    """Read an RTSP stream until it breaks; `complaints` gives what FFmpeg printed, to tell reasons by.

    Raises:
        Failure: it cannot be opened, or has ended.
    """
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _FFMPEG.format(job.transport)
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = _FFMPEG_ERRORS
    # One thread: each further one would hold a frame back.
    capture = cv2.VideoCapture(_with_credentials(job), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise reason_of(complaints())
    _read(capture, feed, Backlog())


def read_v4l2(job: Job, feed: Feed, _complaints: Callable[[], str]) -> None:
    """Read a V4L2 device until it is unplugged.

    Raises:
        Failure: it cannot be opened, or has ended.
    """
    if not Path(job.target).is_char_device():
        raise Failure(Reason.NOT_FOUND, "no such device")
    if not os.access(job.target, os.R_OK | os.W_OK):
        raise Failure(Reason.OPEN_FAILED, "no permission to read and write the device")
    capture = cv2.VideoCapture(job.target, cv2.CAP_V4L2)
    if not capture.isOpened():
        raise Failure(Reason.OPEN_FAILED, "the device is busy or captures no video")
    _read(capture, feed, None)


def _read(capture: cv2.VideoCapture, feed: Feed, backlog: Backlog | None) -> None:
    feed.opened()
    seq = 0
    while capture.grab():
        stamp = stamp_now()
        position_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if backlog is None or not backlog.holds(stamp.monotonic, position_s):
            good, pixels = capture.retrieve(feed.lend())
            if good:
                feed.put(_in_colour(np.asarray(pixels, np.uint8)), seq, stamp)
            else:
                feed.spoilt()
        seq += 1
    raise Failure(Reason.ENDED, "the stream ended")


def _in_colour(pixels: Pixels) -> Pixels:
    """Return BGR pixels; a grey camera's have one channel. The same object when it is BGR already."""
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)


def reason_of(complaints: str) -> Failure:
    """Make of FFmpeg's words, which may hold the URL, one of ours."""
    if status := re.search(r"method [A-Z_]+ failed: (\d{3})\b", complaints):
        code = status.group(1)
        reason = {"401": Reason.AUTH, "403": Reason.AUTH, "404": Reason.NOT_FOUND}.get(code, Reason.OPEN_FAILED)
        return Failure(reason, f"the camera answered {code}")
    if any(name in complaints for name in _BAD_NAMES):
        return Failure(Reason.UNREACHABLE, "no connection to the camera")
    return Failure(Reason.OPEN_FAILED, "no stream that FFmpeg can read")


def _with_credentials(job: Job) -> str:
    if job.user is None:
        return job.target
    parts = urlsplit(job.target)
    who = f"{quote(job.user, safe='')}:{quote(job.password, safe='')}"
    return parts._replace(netloc=f"{who}@{parts.netloc}").geturl()
