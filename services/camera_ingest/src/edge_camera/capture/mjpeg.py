"""Reading MJPEG over HTTP: multipart/x-mixed-replace, each part a JPEG."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable
from email.message import Message

import cv2
import numpy as np
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, SSLError

from edge_camera.capture.feed import Feed, stamp_now
from edge_camera.capture.messages import Failure, Job, Reason
from edge_camera.capture.multipart import Multipart
from edge_camera.frame import Pixels

# Some frames of a usual camera; of all parts that one read completes, only the last is decoded.
_CHUNK = 256 * 1024
_STATUS = {401: Reason.AUTH, 403: Reason.AUTH, 404: Reason.NOT_FOUND}


def read_mjpeg(job: Job, feed: Feed, _complaints: Callable[[], str]) -> None:
    """Read an MJPEG stream until it breaks. No timeouts here: the parent's watchdog ends this process.

    Raises:
        Failure: it cannot be opened, has ended, or passed a bound.
    """
    try:
        with _open(job) as response:
            parts = Multipart(_boundary(response), job.max_header_bytes, job.max_part_bytes)
            feed.opened()
            _read(response, parts, feed)
    except HTTPError as exc:
        raise _failure(exc) from None


def _read(response: urllib3.BaseHTTPResponse, parts: Multipart, feed: Feed) -> None:
    seq = 0
    while data := response.read1(_CHUNK):
        whole = parts.feed(data)
        stamp = stamp_now()
        seq += len(whole)
        if whole:
            pixels = decode(whole[-1])
            if pixels is None:
                feed.spoilt()
            else:
                feed.put(pixels, seq - 1, stamp)
    raise Failure(Reason.ENDED, "the stream ended")


def decode(picture: bytes) -> Pixels | None:
    """Decode an image file's bytes to BGR; None when it is no image."""
    raw = np.frombuffer(picture, np.uint8)
    if not len(raw):
        return None
    try:
        pixels = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)


def _open(job: Job) -> urllib3.BaseHTTPResponse:
    headers = {"Accept": "multipart/x-mixed-replace"}
    if job.user is not None:
        token = base64.b64encode(f"{job.user}:{job.password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    pool = urllib3.PoolManager(num_pools=1, maxsize=1, ca_certs=job.ca, timeout=None)
    # Not followed elsewhere: the password is for this host.
    response = pool.request("GET", job.target, headers=headers, preload_content=False, redirect=False, retries=False)
    if response.status != 200:
        raise Failure(_STATUS.get(response.status, Reason.OPEN_FAILED), f"the camera answered {response.status}")
    return response


def _boundary(response: urllib3.BaseHTTPResponse) -> str:
    head = Message()
    head["Content-Type"] = response.headers.get("Content-Type", "")
    boundary = head.get_param("boundary")
    if head.get_content_maintype() != "multipart" or not isinstance(boundary, str) or not boundary.strip('"-'):
        raise Failure(Reason.NOT_A_STREAM, "want multipart/x-mixed-replace with a boundary")
    return boundary


def _failure(exc: HTTPError) -> Failure:
    """Make of urllib3's words, which may hold the URL, one of ours."""
    if isinstance(exc, NewConnectionError | ConnectTimeoutError):
        return Failure(Reason.UNREACHABLE, "no connection to the camera")
    if isinstance(exc, SSLError):
        return Failure(Reason.OPEN_FAILED, "TLS failed; for a certificate of one's own name its CA in capture.ca")
    cause = exc.args[1] if isinstance(exc, ProtocolError) and len(exc.args) > 1 else None
    if isinstance(cause, http.client.HTTPException) and not isinstance(cause, http.client.BadStatusLine):
        return Failure(Reason.TOO_LARGE, "the answer's header is over HTTP's bounds, or broken")
    return Failure(Reason.ENDED, "the connection broke")
