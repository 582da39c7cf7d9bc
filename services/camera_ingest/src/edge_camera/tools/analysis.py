"""What was counted, as a document for programs and as tables for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from edge_camera.tools.counting import CameraCount, Counting
from edge_camera.tools.table import Cell, table
from edge_common.tomlfile import one_line

# Rows of the table of gaps; the document has up to 100 a camera.
_SHOWN_GAPS = 10


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch without a frame that was told of."""

    since: str
    until: str
    seconds: float


class CameraRow(msgspec.Struct, frozen=True, kw_only=True):
    """One camera: its events by kind, how its questions ended, and its gaps, longest first."""

    camera: str
    first: str
    last: str
    kinds: dict[str, int]
    states: dict[str, int]
    gap_count: int
    gap_s: float
    clock_steps_back: int
    gaps: list[Gap]


class ClassRow(msgspec.Struct, frozen=True, kw_only=True):
    """One class of one camera: things that are of it by most answers, and the scores of all answers that name it."""

    camera: str
    label: str
    seen: int
    answers: int
    mean: float | None
    p50: float | None
    p95: float | None
    max: float | None


class HourRow(msgspec.Struct, frozen=True, kw_only=True):
    """Things of a class that were first seen in the hour that begins then."""

    hour: str
    camera: str
    label: str
    seen: int


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What a spool holds; `left_out` counts what was over a bound, `unreadable` what is no event.

    `pod_events`, which count among `events`, are about the process and no camera, as when it is told of a new config.
    """

    spool: str
    events: int
    pod_events: int
    unreadable: int
    left_out: int
    gap_over_s: float
    cameras: list[CameraRow]
    classes: list[ClassRow]
    hours: list[HourRow]


def analysis(spool: str, counting: Counting, longest: timedelta) -> Analysis:
    """Return what was counted, by name and time."""
    return Analysis(
        spool=spool,
        events=counting.events,
        pod_events=counting.pod_events,
        unreadable=counting.unreadable,
        left_out=counting.left_out,
        gap_over_s=longest.total_seconds(),
        cameras=[_camera(name, camera) for name, camera in sorted(counting.cameras.items())],
        classes=_classes(counting),
        hours=[
            HourRow(hour=_time(hour)[:16] + "Z", camera=camera, label=label, seen=seen)
            for (hour, camera, label), seen in sorted(counting.hours.items())
        ],
    )


def _camera(name: str, camera: CameraCount) -> CameraRow:
    gaps = camera.gaps
    return CameraRow(
        camera=name,
        first=_time(camera.first),
        last=_time(camera.last),
        kinds=dict(sorted(camera.kinds.items())),
        states=dict(sorted(camera.states.items())),
        gap_count=gaps.count,
        gap_s=gaps.total.total_seconds(),
        clock_steps_back=gaps.steps_back,
        gaps=[
            Gap(since=_time(since), until=_time(since + length), seconds=length.total_seconds())
            for length, since in gaps.kept
        ],
    )


def _classes(counting: Counting) -> list[ClassRow]:
    rows = []
    for (camera, label), count in sorted(counting.classes.items()):
        figures = [count.scores.mean, *count.scores.percentiles(50, 95), count.scores.largest]
        mean, p50, p95, largest = (None if value is None else round(value, 4) for value in figures)
        answers = count.scores.count
        rows.append(
            ClassRow(
                camera=camera, label=label, seen=count.seen, answers=answers, mean=mean, p50=p50, p95=p95, max=largest
            )
        )
    return rows


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_text(found: Analysis) -> str:
    """Return tables, the longest first, so that a terminal ends with what matters most."""
    if not found.events:
        return "no events\n"
    return "\n".join(part for part in (_hours(found), _scores(found), _cameras(found), _gaps(found)) if part)


def _hours(found: Analysis) -> str:
    rows = [(row.hour, one_line(row.camera), one_line(row.label), row.seen) for row in found.hours]
    return table(("hour (UTC)", "camera", "class", "seen"), rows) if rows else ""


def _scores(found: Analysis) -> str:
    rows = [
        (one_line(row.camera), one_line(row.label), row.seen, row.answers, row.mean, row.p50, row.p95, row.max)
        for row in found.classes
    ]
    return table(("camera", "class", "seen", "answers", "mean", "p50", "p95", "max"), rows) if rows else ""


def _cameras(found: Analysis) -> str:
    kinds = ("detection", "alert", "state", "summary")
    rows: list[tuple[Cell, ...]] = [
        (one_line(row.camera), row.first, row.last, *(row.kinds.get(kind, 0) for kind in kinds), _failed(row))
        for row in found.cameras
    ]
    pod = f"events of the process itself: {found.pod_events}\n" if found.pod_events else ""
    return (table(("camera", "first", "last", *kinds, "not ok"), rows) if rows else "") + pod


def _failed(row: CameraRow) -> int:
    return sum(count for state, count in row.states.items() if state != "ok")


def _gaps(found: Analysis) -> str:
    longest = sorted(((gap, row.camera) for row in found.cameras for gap in row.gaps), key=lambda one: -one[0].seconds)
    total, count = sum(row.gap_s for row in found.cameras), sum(row.gap_count for row in found.cameras)
    if not count:
        return f"no gap over {found.gap_over_s:g} s\n"
    rows = [(one_line(camera), gap.since, gap.until, round(gap.seconds, 1)) for gap, camera in longest[:_SHOWN_GAPS]]
    shown = f", the longest {len(rows)}" if count > len(rows) else ""
    head = f"gaps over {found.gap_over_s:g} s: {count}, together {total:.1f} s{shown}\n"
    return head + table(("camera", "since", "until", "seconds"), rows)
