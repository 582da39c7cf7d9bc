"""Cameras: how old an answer is, what state each camera is in, what was lost, what waits for the uplink."""

from __future__ import annotations

from boards.panel import FULL, HALF, THIRD, Board, Panel, Query, Row, Variable

_OF = 'release=~"$release", camera=~"$camera"'
_POD = 'release=~"$release"'
_CALL = "edge_camera_inference_seconds_bucket"
_AGE = "edge_camera_frame_age_seconds_bucket"
_FIRING = 'alertstate="firing", alertname=~"EdgeCamera.*|EdgeFrames.*|EdgeSpool.*|EdgeEvents.*"'
# The order of badness: a number a state timeline can colour.
_STATES = {
    0: ("ok", "green"),
    1: ("connecting", "blue"),
    2: ("blurred", "yellow"),
    3: ("frozen", "orange"),
    4: ("black", "purple"),
    5: ("stalled", "semi-dark-red"),
    6: ("down", "red"),
}
_STATE = " + ".join(
    f'{number} * max by (release, camera) (edge_camera_state{{{_OF}, state="{name}"}})'
    for number, (name, _) in _STATES.items()
)


def _rate(metric: str, by: str, of: str = _OF, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{of}{more}}}[$__rate_interval]))"


_SEEN = Row(
    "What users feel",
    (
        Panel(
            title="Age of a frame when its answer arrived",
            tells="From the camera's picture to the model's answer, p50 and p95: the delay an application sees.",
            unit="s",
            queries=(
                Query(f"histogram_quantile(0.5, {_rate(_AGE, 'camera, le')})", "p50 {{camera}}"),
                Query(f"histogram_quantile(0.95, {_rate(_AGE, 'camera, le')})", "p95 {{camera}}"),
            ),
        ),
        Panel(
            title="Ages, all of them",
            tells="How many answers were how old.",
            unit="s",
            kind="heatmap",
            queries=(Query(f"sum by (le) (increase({_AGE}{{{_OF}}}[$__rate_interval]))", "{{le}}"),),
        ),
        Panel(
            title="State of each camera",
            tells="What the pictures look like: a covered, frozen or missing camera sees nothing.",
            unit="none",
            kind="states",
            width=FULL,
            states=_STATES,
            queries=(Query(_STATE, "{{camera}}"),),
        ),
        Panel(
            title="Seconds since the last frame",
            tells="Time since each camera last gave a picture.",
            unit="s",
            width=THIRD,
            queries=(
                Query(
                    f"time() - (max by (camera) (edge_camera_last_frame_timestamp_seconds{{{_OF}}}) > 0)", "{{camera}}"
                ),
            ),
        ),
        Panel(
            title="Readings tried again",
            tells="Ended readings a minute: a bad cable, a camera that restarts, a password that changed.",
            unit="cpm",
            width=THIRD,
            queries=(Query(f"60 * {_rate('edge_camera_reconnects_total', 'camera')}", "{{camera}}"),),
        ),
        Panel(
            title="Brightness of the picture",
            tells="Mean of the last picture looked at, 0 to 255; `black` is judged on it.",
            unit="short",
            width=THIRD,
            queries=(Query(f"max by (camera) (edge_camera_luminance{{{_OF}}})", "{{camera}}"),),
        ),
    ),
)

_FRAMES = Row(
    "Frames",
    (
        Panel(
            title="Frames by what became of them",
            tells="Captured, replaced by a newer one, skipped for want of motion or by the rate, sent to the model.",
            unit="cps",
            queries=(Query(_rate("edge_camera_frames_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            title="Losses by cause",
            tells="Frames that were to be answered and were not.",
            unit="cps",
            stack=True,
            queries=(Query(_rate("edge_camera_frames_lost_total", "camera, cause"), "{{camera}} {{cause}}"),),
        ),
        Panel(
            title="Frames asked about at most",
            tells="The rate each camera is held to; it falls while answers come too late.",
            unit="cps",
            width=THIRD,
            queries=(Query(f"max by (camera) (edge_camera_fps{{{_OF}}})", "{{camera}}"),),
        ),
        Panel(
            title="Answered calls, p95",
            tells="A call of the model as the camera sees it, encoding and decoding included.",
            unit="s",
            width=THIRD,
            queries=(
                Query(
                    f"histogram_quantile(0.95, {_rate(_CALL, 'release, track, le', _POD)})",
                    "{{release}} {{track}}",
                ),
            ),
        ),
        Panel(
            title="Candidate",
            tells="In shadow: whether both versions agree. In a split: frames the main version took over.",
            unit="cps",
            width=THIRD,
            queries=(
                Query(_rate("edge_camera_shadow_total", "agreement", _POD), "{{agreement}}"),
                Query(_rate("edge_camera_split_fallback_total", "cause", _POD), "not answered: {{cause}}"),
            ),
        ),
    ),
)

_EVENTS = Row(
    "Events and the spool",
    (
        Panel(
            title="Events by sink",
            tells="Delivered, failed and tried again, dropped.",
            unit="cps",
            width=THIRD,
            queries=(Query(_rate("edge_camera_events_total", "sink, outcome", _POD), "{{sink}} {{outcome}}"),),
        ),
        Panel(
            title="Spool",
            tells="Bytes of events kept on the disk until every sink has them.",
            unit="bytes",
            width=THIRD,
            queries=(Query(f"max by (release) (edge_camera_spool_bytes{{{_POD}}})", "{{release}}"),),
        ),
        Panel(
            title="Oldest event waiting",
            tells="How long the uplink, or the sink, has been gone.",
            unit="s",
            width=THIRD,
            queries=(Query(f"max by (release) (edge_camera_spool_oldest_seconds{{{_POD}}})", "{{release}}"),),
        ),
        Panel(
            title="Events lost for good",
            tells="Dropped from the spool over the time shown, by priority and cause.",
            unit="short",
            width=HALF,
            queries=(
                Query(
                    f"sum by (priority, cause) (increase(edge_camera_spool_dropped_total{{{_POD}}}[$__rate_interval]))",
                    "{{priority}} {{cause}}",
                ),
            ),
        ),
        Panel(
            title="Pictures of alerts",
            tells="Pictures saved, failed or dropped; one is made when an alert with a picture begins.",
            unit="cpm",
            width=HALF,
            queries=(Query(f"60 * {_rate('edge_camera_snapshots_total', 'outcome', _POD)}", "{{outcome}}"),),
        ),
        Panel(
            title="Alerts of cameras that fire",
            tells="Prometheus's own view: what an SRE is told now, and was told.",
            unit="none",
            kind="states",
            width=FULL,
            states={1: ("firing", "red")},
            queries=(
                Query(
                    f"max by (alertname, camera) (ALERTS{{{_FIRING}}})",
                    "{{alertname}} {{camera}}",
                ),
            ),
        ),
    ),
)

CAMERAS = Board(
    uid="edge-cameras",
    title="edge-serve: cameras",
    tells="From the camera to the answer: how old, in what state, what was lost, what still waits for the uplink.",
    variables=(
        Variable(name="release", label="release", metric="edge_camera_state"),
        Variable(name="camera", label="camera", metric='edge_camera_state{release=~"$release"}'),
    ),
    rows=(_SEEN, _FRAMES, _EVENTS),
)
