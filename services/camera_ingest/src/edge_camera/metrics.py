"""What Prometheus sees; the names are an API (docs/camera.md)."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from edge_camera.agreement import Agreement
from edge_camera.spool.counters import Fault, Loss

# Edges at 50, 100, 250 and 500 ms, where frame-age objectives usually sit, so that p95 is read there.
AGE_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
CALL_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Outcome(StrEnum):
    """Where a frame went before the question: `captured` = `replaced` + `motion` + `fps` + `sent`."""

    CAPTURED = "captured"
    REPLACED = "replaced"
    MOTION = "motion"
    FPS = "fps"
    SENT = "sent"


class Fallback(StrEnum):
    """Why the main version was asked about a frame of a split's candidate: it had failed, or rests after that."""

    FAILED = "failed"
    RESTING = "resting"


class Cause(StrEnum):
    """Why a frame has no answer. `decode` never became a frame; the others were sent, or should have been.

    `busy`: the model's turns were all taken by other cameras until the deadline.
    """

    STALE = "stale"
    BUSY = "busy"
    DECODE = "decode"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    ERROR = "error"


class CameraState(StrEnum):
    """How the camera itself does: its source, and while that is ok, its picture."""

    CONNECTING = "connecting"
    OK = "ok"
    STALLED = "stalled"
    FROZEN = "frozen"
    BLACK = "black"
    BLURRED = "blurred"
    DOWN = "down"


class Delivery(StrEnum):
    """What became of an event on its way to a sink."""

    OK = "ok"
    FAILED = "failed"
    DROPPED = "dropped"


class Reloaded(StrEnum):
    """What became of a new config."""

    APPLIED = "applied"
    REFUSED = "refused"


class Saved(StrEnum):
    """What became of a picture that was to be a file."""

    SAVED = "saved"
    FAILED = "failed"
    DROPPED = "dropped"


class Metrics:
    """Every series of the process, all of them exported with 0 from the start."""

    def __init__(self, registry: CollectorRegistry, cameras: list[str], sinks: list[str]) -> None:
        camera = ["camera"]
        self.frames = Counter("edge_camera_frames_total", "Frames by outcome", [*camera, "outcome"], registry=registry)
        self.lost = Counter(
            "edge_camera_frames_lost_total", "Frames without an answer", [*camera, "cause"], registry=registry
        )
        self.age = Histogram(
            "edge_camera_frame_age_seconds", "Age of a frame when its answer arrived", camera,
            buckets=AGE_BUCKETS, registry=registry,
        )  # fmt: skip
        self.state = Gauge("edge_camera_state", "1 for the state that holds", [*camera, "state"], registry=registry)
        self.last_frame = Gauge(
            "edge_camera_last_frame_timestamp_seconds",
            "When the last frame was read",
            camera,
            registry=registry,
        )
        self.reconnects = Counter(
            "edge_camera_reconnects_total",
            "Attempts to read that ended, and were tried again",
            camera,
            registry=registry,
        )
        self.resized = Counter(
            "edge_camera_resolution_changes_total",
            "Frames of another size than the one before",
            camera,
            registry=registry,
        )
        self.luminance = Gauge(
            "edge_camera_luminance", "Mean of the last picture looked at, 0 to 255", camera, registry=registry
        )
        self.sharpness = Gauge(
            "edge_camera_sharpness", "Laplacian variance of a small picture at equal light", camera, registry=registry
        )
        self.rate = Gauge("edge_camera_fps", "Frames a second asked about at most, now", camera, registry=registry)
        self.events = Counter("edge_camera_events_total", "Events by sink", ["sink", "outcome"], registry=registry)
        self.inference = Histogram(
            "edge_camera_inference_seconds", "Time of an answered inference call", ["track"],
            buckets=CALL_BUCKETS, registry=registry,
        )  # fmt: skip
        self.shadow = Counter(
            "edge_camera_shadow_total", "Answers of a candidate version compared", ["agreement"], registry=registry
        )
        self.fallbacks = Counter(
            "edge_camera_split_fallback_total", "Frames of a candidate's share that the main version was asked about",
            ["cause"], registry=registry,
        )  # fmt: skip
        self.spool_dropped = Counter(
            "edge_camera_spool_dropped_total", "Events lost to the spool", ["priority", "cause"], registry=registry
        )
        self.spool_faults = Counter("edge_camera_spool_faults_total", "Faults on its disk", ["kind"], registry=registry)
        self.spool_written = Counter("edge_camera_spool_written_bytes_total", "Bytes written", registry=registry)
        self.spool_syncs = Counter("edge_camera_spool_syncs_total", "Files brought to the disk", registry=registry)
        self.spool_bytes = Gauge("edge_camera_spool_bytes", "Size of the spool", registry=registry)
        self.spool_max = Gauge("edge_camera_spool_max_bytes", "Bound of the spool, 0 without one", registry=registry)
        self.spool_oldest = Gauge(
            "edge_camera_spool_oldest_seconds", "Age of the oldest event a sink waits for", registry=registry
        )
        self.snapshots = Counter("edge_camera_snapshots_total", "Pictures of alerts", ["outcome"], registry=registry)
        self.reloads = Counter("edge_camera_config_reloads_total", "New configs", ["outcome"], registry=registry)
        for name in cameras:
            self.add_camera(name)
        self._zero(sinks)

    def add_camera(self, name: str) -> None:
        """Begin a camera's series, at 0."""
        for metric, labels in self._of_camera(name):
            metric.labels(*labels)

    def remove_camera(self, name: str) -> None:
        """End a camera's series: one that is gone must not look like one that is down."""
        for metric, labels in self._of_camera(name):
            metric.remove(*labels)

    def _of_camera(self, name: str) -> list[tuple[MetricWrapperBase, tuple[str, ...]]]:
        single: list[tuple[MetricWrapperBase, tuple[str, ...]]] = [
            (metric, (name,)) for metric in (self.age, self.last_frame, self.reconnects, self.resized)
        ]
        single += [(metric, (name,)) for metric in (self.luminance, self.sharpness, self.rate)]
        return [
            *single,
            *((self.frames, (name, outcome.value)) for outcome in Outcome),
            *((self.lost, (name, cause.value)) for cause in Cause),
            *((self.state, (name, state.value)) for state in CameraState),
        ]

    def _zero(self, sinks: list[str]) -> None:
        for priority in ("high", "normal", "low"):
            for cause in Loss:
                self.spool_dropped.labels(priority, cause.value)
        for kind in Fault:
            self.spool_faults.labels(kind.value)
        for reloaded in Reloaded:
            self.reloads.labels(reloaded.value)
        for saved in Saved:
            self.snapshots.labels(saved.value)
        for sink in sinks:
            for delivery in Delivery:
                self.events.labels(sink, delivery.value)
        for track in ("main", "candidate"):
            self.inference.labels(track)
        for fallback in Fallback:
            self.fallbacks.labels(fallback.value)
        for agreement in Agreement:
            self.shadow.labels(agreement.value)
