"""What a camera's `url` and `capture` table in the config mean."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from edge_camera.capture.messages import Kind
from edge_camera.urls import parsed

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
    path = path_of(url)
    many = _is_dir(path) or re.search(r"[*?\[]", path.name) or path.suffix.lower() in IMAGE_SUFFIXES
    return Kind.IMAGES if many else None


def target_of(url: str, kind: Kind) -> str:
    """Return what the child opens: the URL itself, or a path."""
    if kind is Kind.V4L2:
        return url.removeprefix(_V4L2)
    return str(path_of(url)) if kind is Kind.IMAGES else url


def path_of(url: str) -> Path:
    """Return the file, folder or glob that `url` names, as a plain path or as file:///PATH."""
    return Path(unquote(urlsplit(url).path)) if url.lower().startswith("file:///") else Path(url)


def url_fault(url: str) -> str | None:
    """Return what `url` should be instead; None when it is well. Never shows the URL: it may hold a password."""
    kind = kind_of(url)
    if kind is Kind.V4L2 and not target_of(url, kind).startswith("/dev/"):
        return "v4l2:/dev/videoN"
    if kind in {Kind.RTSP, Kind.MJPEG}:
        return _network_fault(url)
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() == "file":
        return None if rest.startswith("/") else "file:///PATH"
    return _WANTED if not url or separator or "\0" in url else None


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
    parts = parsed(url)
    if parts is not None and parts.auth is not None:
        return "a URL without user and password; put user:password into a file and name it in credentials"
    return None if parts is not None else _WANTED


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # Behind a folder that may not be entered, or too long a name: told when it is opened.
        return False
