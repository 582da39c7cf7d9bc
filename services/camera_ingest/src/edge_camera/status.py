"""The state of every camera as data: `/status`, and the report at the end."""

from __future__ import annotations

from typing import Any

import msgspec

from edge_camera.deliveries import Deliveries, DeliveriesView
from edge_camera.events import Spread
from edge_camera.live import Gallery, Screen
from edge_camera.record import Record
from edge_camera.reload import ConfigView
from edge_camera.reservoir import Reservoir

# "Now" on the page: figures are taken over the answers of this long.
NOW_S = 5.0


def totals_document(records: list[Record]) -> dict[str, Any]:
    """Return each camera's exact totals; percentiles over all answered frames (see reservoir.CAPACITY)."""
    return {"cameras": {record.camera: _camera_totals(record) for record in records}}


def _camera_totals(record: Record, now: float | None = None) -> dict[str, Any]:
    """With `now` (monotonic) the percentiles may be a second old (see Record.percentiles)."""
    return {
        **msgspec.structs.asdict(record.totals()),
        "frame_age_ms": _spread(record, record.frame_age, now),
        "inference_ms": _spread(record, record.inference, now),
    }


def _spread(record: Record, which: Reservoir, now: float | None) -> Spread:
    p50, p95, p99 = (None if v is None else round(v * 1000, 2) for v in record.percentiles(which, now))
    return Spread(p50=p50, p95=p95, p99=p99)


def status_document(
    gateway: str,
    gallery: Gallery,
    now: float,
    deliveries: Deliveries | None = None,
    config: ConfigView | None = None,
) -> dict[str, Any]:
    """Return what the page shows; `now` is monotonic."""
    nothing = DeliveriesView(sinks=[], spool=None)
    return {
        "gateway": gateway,
        "config": config or ConfigView(),
        "cameras": [_camera_status(name, screen, now) for name, screen in list(gallery.screens.items())],
        "events": gallery.events(),
        "deliveries": nothing if deliveries is None else deliveries.view(),
    }


def _camera_status(name: str, screen: Screen, now: float) -> dict[str, Any]:
    shown, record = screen.shown, screen.record
    recent = [(age, took) for at, age, took in record.recently() if now - at <= NOW_S]
    span = min(NOW_S, max((now - at for at, _, _ in record.recently()), default=NOW_S))
    return {
        "name": name,
        "state": record.state,
        "reason": record.reason,
        "answer_state": None if shown is None else shown.reply.state,
        "detail": "" if shown is None else shown.reply.detail,
        "model": screen.model,
        "track": None if shown is None else shown.reply.track,
        "model_version": None if shown is None else shown.reply.model_version,
        "frame": None if shown is None else dict(zip(("w", "h"), shown.frame.size, strict=True)),
        "picture_age_s": None if shown is None else round(now - shown.frame.stamp.monotonic, 1),
        "fps": round(len(recent) / span, 1) if recent and span > 0 else 0.0,
        "age_ms": _last(age for age, _ in recent),
        "inference_ms": _last(took for _, took in recent),
        "answers": [] if shown is None else list(shown.reply.answers),
        "totals": _camera_totals(record, now),
    }


def _last(values: Any) -> float | None:
    seconds = list(values)
    return round(seconds[-1] * 1000, 1) if seconds else None
