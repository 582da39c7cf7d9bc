"""The table at the end, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from edgectl.demo.score import Score

MIN_RECALL = 0.8
# Causes that a machine in order does not have.
FAULTS = ("error", "rejected", "decode")
# A slow machine is no fault, and a frame that is late now and then no loss: the next one is there already. When more
# than a tenth of those sent come too late, the machine is overloaded.
LATE = ("timeout", "stale")
MAX_LATE = 0.1
RULE = (
    f"Passes when recall is at least {MIN_RECALL:g}, counted over every object of each frame sent, answered or not; "
    f"when no frame is lost to {', '.join(FAULTS[:-1])} or {FAULTS[-1]}; "
    f"and when at most {MAX_LATE:.0%} of those sent are lost to {' and '.join(LATE)}."
)


class Spread(msgspec.Struct, frozen=True):
    """Percentiles in milliseconds."""

    p50: float | None
    p95: float | None
    p99: float | None

    def __str__(self) -> str:
        values = (self.p50, self.p95, self.p99)
        return " / ".join("–" if value is None else f"{value:.1f}" for value in values) + " ms"


class Totals(msgspec.Struct, frozen=True):
    """One camera's part of `edge-camera --report`."""

    captured: int
    replaced: int
    fps: int
    sent: int
    answered: int
    lost: dict[str, int]
    frame_age_ms: Spread
    inference_ms: Spread


class _Report(msgspec.Struct, frozen=True):
    cameras: dict[str, Totals]


def read_totals(path: Path, camera: str) -> Totals:
    """Read what the camera wrote at its end."""
    return msgspec.json.decode(path.read_bytes(), type=_Report).cameras[camera]


def table(
    totals: Totals, score: Score | None, memory: Mapping[str, float], pump: str, failures: Sequence[str]
) -> Table:
    """Return the figures and the verdict as a table of two columns."""
    result = Table("figure", "value", title="What happened", title_justify="left", caption=RULE, caption_justify="left")
    result.add_row("frames read", str(totals.captured))
    result.add_row("  replaced by a newer one", str(totals.replaced))
    result.add_row("  over the fps limit", str(totals.fps))
    result.add_row("  sent", str(totals.sent))
    result.add_row("  answered", str(totals.answered))
    lost = ", ".join(f"{cause} {count}" for cause, count in totals.lost.items() if count)
    result.add_row("  lost", lost or "0", end_section=True)
    result.add_row("inference p50 / p95 / p99", str(totals.inference_ms))
    result.add_row("frame age p50 / p95 / p99", str(totals.frame_age_ms), end_section=True)
    if score is not None:
        counts = f"{score.hits} right, {score.false_alarms} wrong, {score.missed} missed in {score.frames} frames sent"
        result.add_row("detections against truth", counts)
        result.add_row("precision / recall", f"{score.precision:.3f} / {score.recall:.3f}", end_section=True)
    result.add_row("pump-failure samples", pump, end_section=True)
    for name, megabytes in memory.items():
        result.add_row(f"memory (PSS) {name}", f"{megabytes:.0f} MB")
    result.add_section()
    result.add_row("verdict", f"failed: {len(failures)} below" if failures else "passed")
    return result


def faults(totals: Totals, score: Score | None) -> Sequence[str]:
    """Return what is wrong with a run, one line each; empty means that all is well."""
    found = [f"{totals.lost[cause]} frames lost: {cause}" for cause in FAULTS if totals.lost[cause]]
    late = sum(totals.lost[cause] for cause in LATE)
    if late > MAX_LATE * totals.sent:
        causes = " or ".join(LATE)
        found.append(f"{late} of {totals.sent} frames sent were lost to {causes}: more than {MAX_LATE:.0%}, overloaded")
    if not totals.answered:
        found.append("no frame was answered")
    if score is not None and score.recall < MIN_RECALL:
        found.append(f"recall {score.recall:.3f} is below {MIN_RECALL}")
    return found
