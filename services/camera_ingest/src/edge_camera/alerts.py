"""Alert rules over answers: what, when, for how long, and how often."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from edge_camera.answer import Answer

# Not seen for this many frame intervals, and a sight is broken off, however short `gap_s` is.
_GAP_FRAMES = 2.5

_DAY_MIN = 24 * 60
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)|([01]\d|2[0-3]):([0-5]\d)-24:00")


class Alert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. `hours` is "HH:MM-HH:MM" in `timezone` (the machine's own when empty), over midnight or not.

    It fires when `label` (`class` in the file) was seen with `min_score` for `for_s` without a gap over `gap_s`, and
    again every `cooldown_s` while that lasts. `snapshot`: with a picture, as `[sinks.snapshots]` says.
    """

    label: str = msgspec.field(name="class")
    min_score: float = 0.5
    hours: str = "00:00-24:00"
    for_s: float = 0.0
    gap_s: float = 1.0
    cooldown_s: float = 60.0
    timezone: str = ""
    snapshot: bool = False

    def faults(self, key: str) -> list[tuple[str, str, object]]:
        """Return (key, wanted, found) for everything wrong; `key` is the rule's own, as in `alert.night`."""
        checks = [
            (bool(self.label), "class", "a label of the model", self.label),
            (0.0 <= self.min_score <= 1.0, "min_score", "0 to 1", self.min_score),
            (_minutes(self.hours) is not None, "hours", "HH:MM-HH:MM, two different times", self.hours),
            (0.0 <= self.for_s <= 86_400, "for_s", "0 to 86400 seconds", self.for_s),
            (0.0 <= self.gap_s <= 3600, "gap_s", "0 to 3600 seconds", self.gap_s),
            (0.0 <= self.cooldown_s <= 604_800, "cooldown_s", "0 to 604800 seconds", self.cooldown_s),
            (_is_zone(self.timezone), "timezone", "a zone such as Europe/Berlin, or none", self.timezone),
        ]
        return [(f"{key}.{name}", wanted, found) for good, name, wanted, found in checks if not good]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """An alert: `score` is the best of the frame that set it off, `since` epoch seconds when the sight began.

    `snapshot`: it wants a picture.
    """

    rule: str
    label: str
    score: float
    since: float
    snapshot: bool = False


class Rules:
    """Judge one camera's answers; for use by one thread. `interval_s` is the time between its frames.

    Only answered frames go in: a failed question shows nothing, and breaks a sight off when it lasts over the gap.
    The caller says that a picture is still only while its last question was answered.
    """

    def __init__(self, alerts: Mapping[str, Alert], interval_s: float = 0.0) -> None:
        self._rules: list[_Rule] = []
        self._interval_s = interval_s
        self.change(alerts)

    def change(self, alerts: Mapping[str, Alert]) -> None:
        """Judge by `alerts` from now on; may be called by another thread.

        A rule that is the same in both goes on with what it has seen and when it fired.
        """
        kept = {rule.name: rule for rule in self._rules if alerts.get(rule.name) == rule.alert}
        rules = [kept.get(name) or _Rule(name, alert) for name, alert in alerts.items()]
        for rule in rules:
            rule.pace(self._interval_s)
        self._rules = rules

    def pace(self, interval_s: float) -> None:
        """From now on answered frames are `interval_s` apart, as the adaptive rate has it."""
        self._interval_s = interval_s
        for rule in self._rules:
            rule.pace(interval_s)

    def update(self, answers: Sequence[Answer], now: float, wall: float) -> list[Fired]:
        """Return what one frame sets off. `now` is monotonic and counts durations, `wall` (epoch s) the hours."""
        fired = [rule.update(answers, now, wall) for rule in self._rules]
        return [each for each in fired if each is not None]

    def still(self, now: float, wall: float) -> list[Fired]:
        """The picture did not change, so nobody asked: what was seen goes on. Return what that sets off."""
        fired = [rule.still(now, wall) for rule in self._rules]
        return [each for each in fired if each is not None]


class _Rule:
    """One rule's memory: since and until when its class was seen, with what score, and when it fired."""

    def __init__(self, name: str, alert: Alert) -> None:
        self.name, self.alert = name, alert
        self._gap_s = alert.gap_s
        self._hours = Hours(alert.hours, alert.timezone)
        self._began: float | None = None
        self._seen = 0.0
        self._score = 0.0
        # Whether the newest answered frame showed it; a frame held back after that shows the same.
        self._there = False
        self._fired: float | None = None

    def pace(self, interval_s: float) -> None:
        self._gap_s = max(self.alert.gap_s, _GAP_FRAMES * interval_s)

    def update(self, answers: Sequence[Answer], now: float, wall: float) -> Fired | None:
        alert = self.alert
        scores = [each.score for each in answers if each.label == alert.label and each.score >= alert.min_score]
        self._there = bool(scores)
        if scores:
            self._score = max(scores)
        return self._judge(now, wall)

    def still(self, now: float, wall: float) -> Fired | None:
        return self._judge(now, wall)

    def _judge(self, now: float, wall: float) -> Fired | None:
        if not self._there:
            return None
        if self._began is None or now - self._seen > self._gap_s:
            self._began = now
        self._seen = now
        alert = self.alert
        cooling = self._fired is not None and now - self._fired < alert.cooldown_s
        if cooling or now - self._began < alert.for_s or not self._hours.hold(wall):
            return None
        self._fired = now
        since = wall - (now - self._began)
        return Fired(rule=self.name, label=alert.label, score=self._score, since=since, snapshot=alert.snapshot)


class Hours:
    """A part of the day, its start included and its end not, by the local clock."""

    def __init__(self, hours: str, timezone: str) -> None:
        self._first, self._last = _minutes(hours) or (0, _DAY_MIN)
        self._zone = ZoneInfo(timezone) if timezone else None

    def hold(self, wall: float) -> bool:
        """Return True within the hours. From an absurd clock nothing is known: True, as an alarm too many is better."""
        try:
            local = datetime.fromtimestamp(wall, self._zone) if math.isfinite(wall) else None
        except (ValueError, OverflowError, OSError):
            local = None
        if local is None:
            return True
        minute = local.hour * 60 + local.minute
        if self._first < self._last:
            return self._first <= minute < self._last
        return minute >= self._first or minute < self._last


def _minutes(hours: str) -> tuple[int, int] | None:
    """Return start and end in minutes of the day; None for what are no hours."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        return None
    one, two, three, four, only, rest = match.groups()
    if only is not None:
        return int(only) * 60 + int(rest), _DAY_MIN
    first, last = int(one) * 60 + int(two), int(three) * 60 + int(four)
    return (first, last) if first != last else None


def _is_zone(name: str) -> bool:
    try:
        return not name or bool(ZoneInfo(name).key)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
