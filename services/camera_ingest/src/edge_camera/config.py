"""The config file: which cameras, which model, which sinks. One file per group of cameras."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_camera.alerts import Alert
from edge_camera.capture.messages import Kind
from edge_camera.capture.spec import Capture, capture_faults, kind_of, path_of, url_fault
from edge_camera.health import HealthConfig
from edge_camera.mask import faults as mask_faults
from edge_camera.motion import Motion
from edge_camera.sinks.file_config import FileConfig
from edge_camera.sinks.make import sink_faults
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.secrets import secret_fault, shown, user_password
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.snapshots import SnapshotConfig
from edge_camera.spool.config import SpoolConfig, spool_faults
from edge_camera.urls import is_service
from edge_common.errors import StartError
from edge_common.tomlfile import parse_document, read_bytes, typed

# A group of cameras is some dozens of lines; a file over this is not a config.
MAX_CONFIG_BYTES = 256 * 1024
# One process reads at most this many cameras: two threads each.
MAX_CAMERAS = 64
_SERVICE = "http://HOST:PORT, without user, password or query"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another version: compared in the shadow of the first, or given a share of the frames."""

    url: str
    mode: str = "shadow"
    share: float = 1.0


class Inference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask, and how old a frame may be when its answer comes."""

    url: str
    model: str
    deadline_ms: int = 500
    max_in_flight: int = 2
    candidate: Candidate | None = None


class Camera(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera."""

    name: str
    url: str
    fps: float = 5.0
    max_side: int = 960
    keepalive_s: float = 10.0
    loop: bool = False
    speed: str = "natural"
    credentials: str | None = None
    capture: Capture = Capture()
    adaptive: bool = True
    mask: tuple[tuple[tuple[float, ...], ...], ...] = ()
    motion: Motion = Motion()
    health: HealthConfig = HealthConfig()

    @property
    def path(self) -> Path:
        """The file of a `file` source."""
        return path_of(self.url)


class Sinks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events go."""

    stdout: bool = False
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    file: FileConfig | None = None
    spool: SpoolConfig | None = None
    snapshots: SnapshotConfig | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole config file."""

    inference: Inference
    camera: list[Camera]
    sinks: Sinks = Sinks()
    alert: dict[str, Alert] = {}


class Loaded(NamedTuple):
    """A config, and the SHA-256 (hex) of the very bytes that it was read from."""

    config: Config
    sha256: str


def load_config(path: Path) -> Loaded:
    """Read and check a config file.

    Raises:
        StartError: the first fault found, naming file, key, what was wanted and what was found.
    """
    content = read_bytes(path, MAX_CONFIG_BYTES)
    config = typed(path, parse_document(path, content), Config)
    for key, wanted, found in _faults(config):
        raise StartError(f"{path}: {key}: want {wanted}, found {found!r}")
    return Loaded(config, hashlib.sha256(content).hexdigest())


def read_config(path: Path) -> Config:
    """Read and check a config file; see load_config."""
    return load_config(path).config


def _faults(config: Config) -> list[tuple[str, str, object]]:
    faults = _inference_faults(config.inference)
    if not 1 <= len(config.camera) <= MAX_CAMERAS:
        faults.append(("[[camera]]", f"1 to {MAX_CAMERAS} cameras", len(config.camera)))
    for name, alert in config.alert.items():
        if not _LABEL.fullmatch(name):
            faults.append(("alert", "rules named by RFC 1123 labels", name))
        faults += alert.faults(f"alert.{name}")
        if alert.snapshot and config.sinks.snapshots is None:
            faults.append((f"alert.{name}.snapshot", "a table [sinks.snapshots] beside it", "none"))
    faults += sink_faults(config.sinks)
    if config.sinks.spool is not None:
        faults += [(f"sinks.spool.{key}", wanted, found) for key, wanted, found in spool_faults(config.sinks.spool)]
    if config.sinks.snapshots is not None:
        faults += config.sinks.snapshots.faults("sinks.snapshots")
    names: set[str] = set()
    for index, camera in enumerate(config.camera):
        where = f"camera {camera.name}: " if _LABEL.fullmatch(camera.name) else f"camera[{index}]."
        faults += [(where + key, wanted, found) for key, wanted, found in _camera_faults(camera)]
        if camera.name in names:
            faults.append((f"camera[{index}].name", "a name no other camera has", camera.name))
        names.add(camera.name)
    return faults


def _inference_faults(inference: Inference) -> list[tuple[str, str, object]]:
    checks = [
        (is_service(inference.url), "inference.url", _SERVICE, shown(inference.url)),
        (bool(_LABEL.fullmatch(inference.model)), "inference.model", "an RFC 1123 label", inference.model),
        (1 <= inference.deadline_ms <= 60_000, "inference.deadline_ms", "1 to 60000", inference.deadline_ms),
        (1 <= inference.max_in_flight <= 64, "inference.max_in_flight", "1 to 64", inference.max_in_flight),
    ]
    if (candidate := inference.candidate) is not None:
        checks += [
            (is_service(candidate.url), "inference.candidate.url", _SERVICE, shown(candidate.url)),
            (candidate.mode in {"shadow", "split"}, "inference.candidate.mode", "shadow or split", candidate.mode),
            (0 <= candidate.share <= 1, "inference.candidate.share", "0 to 1", candidate.share),
        ]
    return [(key, wanted, found) for good, key, wanted, found in checks if not good]


def _camera_faults(camera: Camera) -> list[tuple[str, str, object]]:
    checks = [
        (bool(_LABEL.fullmatch(camera.name)), "name", "an RFC 1123 label (a-z, 0-9, -)", camera.name),
        (0.01 <= camera.fps <= 240, "fps", "0.01 to 240 frames a second", camera.fps),
        (32 <= camera.max_side <= 8192, "max_side", "32 to 8192 pixels", camera.max_side),
        (camera.speed in {"natural", "fast"}, "speed", "natural or fast", camera.speed),
        (not (_is_live(camera.url) and camera.loop), "loop", "none: a camera has no end", camera.loop),
        (not (_is_live(camera.url) and camera.speed == "fast"), "speed", "natural: a camera has its own", camera.speed),
        (0.1 <= camera.keepalive_s <= 86_400, "keepalive_s", "0.1 to 86400 seconds", camera.keepalive_s),
    ]
    faults = [(key, wanted, found) for good, key, wanted, found in checks if not good]
    if (wanted := url_fault(camera.url)) is not None:
        # Only its scheme is ever shown: a URL can hold a password.
        faults.append(("url", wanted, _scheme(camera.url)))
    if camera.credentials is not None:
        if kind_of(camera.url) not in {Kind.RTSP, Kind.MJPEG}:
            faults.append(("credentials", "none for this kind of url", str(camera.credentials)))
        else:
            faults += secret_fault("credentials", camera.credentials, user_password, "a file that holds user:password")
    faults += [(f"capture.{key}", wanted, found) for key, wanted, found in capture_faults(camera.capture)]
    return faults + mask_faults(camera.mask) + camera.motion.faults() + camera.health.faults()


def _is_live(url: str) -> bool:
    return kind_of(url) in {Kind.RTSP, Kind.MJPEG, Kind.V4L2}


def _scheme(url: str) -> str:
    """Return the URL's scheme, "" for a plain path. Only this is ever shown: a URL can hold a password."""
    head, separator, _ = url.partition(":")
    return head.lower() if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.]*", head) else ""
