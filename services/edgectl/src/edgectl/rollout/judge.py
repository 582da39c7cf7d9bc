"""All figures together: is the new version good, bad, or was there too little to tell?"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from edgectl.rollout import answers, errors, latency
from edgectl.rollout.bounds import Bounds, Look, Row, State
from edgectl.rollout.tally import Window


class Outcome(StrEnum):
    """What is said in the end."""

    GOOD = "good"
    BAD = "bad"
    UNDECIDED = "undecided"


class Verdict(msgspec.Struct, frozen=True):
    """The outcome, its rows, and why in one line."""

    outcome: Outcome
    why: str
    rows: tuple[Row, ...]


def judge(
    before: Window | None,
    now: Window,
    pods: Sequence[Row],
    bounds: Bounds,
    look: Look,
    *,
    budget_s: float = 0.0,
    same_time: bool = False,
) -> Verdict:
    """Hold `now` against `before`, taken at the `same_time` or earlier; `pods` are rows that need no traffic.

    Before the last look, only `bad` is final. A bad row outweighs too little traffic: the test of each row takes the
    number of calls into account.
    """
    rows = (
        *pods,
        *errors.rows(before.total if before else None, now.total, bounds, look),
        *latency.rows(before, now, bounds, look, budget_s=budget_s, same_time=same_time),
        *answers.rows(before, now, bounds, look),
    )
    bad = [row for row in rows if row.state is State.BAD]
    if bad:
        return Verdict(Outcome.BAD, "; ".join(map(_told, bad)), rows)
    unsure = [row for row in rows if row.state is State.UNSURE]
    if unsure:
        return Verdict(Outcome.UNDECIDED, "; ".join(map(_told, unsure)), rows)
    if now.total.calls < bounds.min_requests:
        return Verdict(Outcome.UNDECIDED, f"{now.total.calls:.0f} calls, want {bounds.min_requests}", rows)
    return Verdict(Outcome.GOOD, f"{now.total.calls:.0f} calls, no bound was passed", rows)


def _told(row: Row) -> str:
    parts = [
        f"{row.what}: {row.now}",
        f"before {row.before}" if row.before else "",
        f"bound {row.bound}" if row.bound else "",
    ]
    return ", ".join(part for part in (*parts, row.note) if part)
