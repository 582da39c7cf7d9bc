"""What a camera's `url` and `capture` table in the config mean."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from edge_camera.capture.messages import Kind

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_V4L2 = "v4l2:"
_WANTED = "rtsp://HOST/PATH, http://HOST/PATH (MJPEG), v4l2:/dev/videoN, a video file, or a folder or glob of images"


class Capture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a camera is read; `[camera.capture]` in the config."""

    transport: str = "tcp"
    ca: str | None = None
    open_timeout_s: float = 15.0
    read_timeout_s: float = 5.0
    stalled_after_s: float = 3.0
    max_child_mb: int = 512
    image_fps: float = 1.0


def kind_of(url: str) -> Kind | None:
    """Return how `url` is read; None for a video file, which needs no child."""
    scheme = url.partition(":")[0].lower()
    if scheme == "rtsp":
        return Kind.RTSP
    if scheme in {"http", "https"}:
        return Kind.MJPEG
    if url.startswith(_V4L2):
        return Kind.V4L2
    path = Path(_path(url))
    many = path.is_dir() or re.search(r"[*?\[]", path.name) or path.suffix.lower() in IMAGE_SUFFIXES
    return Kind.IMAGES if many else None


def target_of(url: str, kind: Kind) -> str:
    """Return what the child opens: the URL itself, or a path."""
    if kind is Kind.V4L2:
        return url.removeprefix(_V4L2)
    return _path(url) if kind is Kind.IMAGES else url


def url_fault(url: str) -> str | None:
    """Return what `url` should be instead; None when it is well. Never shows the URL: it may hold a password."""
    kind = kind_of(url)
    if kind is Kind.V4L2 and not target_of(url, kind).startswith("/dev/"):
        return "v4l2:/dev/videoN"
    if kind in {Kind.RTSP, Kind.MJPEG}:
        return _network_fault(url)
    scheme, separator, _ = url.partition("://")
    return _WANTED if not url or (separator and scheme.lower() != "file") else None


def capture_faults(capture: Capture) -> list[tuple[str, str, object]]:
    """Return the wrong keys of the table as (key, wanted, found)."""
    checks = [
        (capture.transport in {"tcp", "udp"}, "transport", "tcp or udp", capture.transport),
        (1 <= capture.open_timeout_s <= 300, "open_timeout_s", "1 to 300 seconds", capture.open_timeout_s),
        (0.5 <= capture.read_timeout_s <= 300, "read_timeout_s", "0.5 to 300 seconds", capture.read_timeout_s),
        (0.1 <= capture.stalled_after_s <= 300, "stalled_after_s", "0.1 to 300 seconds", capture.stalled_after_s),
        (128 <= capture.max_child_mb <= 8192, "max_child_mb", "128 to 8192 MiB", capture.max_child_mb),
        (0.01 <= capture.image_fps <= 240, "image_fps", "0.01 to 240 images a second", capture.image_fps),
    ]
    return [(key, wanted, found) for good, key, wanted, found in checks if not good]


def _network_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return _WANTED
    if "@" in parts.netloc:
        return "a URL without user and password; put user:password into a file and name it in credentials"
    # A line break would end a line of the camera's protocol.
    return None if whole and url.isprintable() and " " not in url else _WANTED


def _path(url: str) -> str:
    return urlsplit(url).path if url.lower().startswith("file://") else url
