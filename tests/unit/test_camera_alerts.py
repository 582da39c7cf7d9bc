"""Alert rules: class and score, hours over midnight and daylight saving, duration, gaps and cool-down."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.alerts import Alert, Fired, Hours, Rules
from edge_camera.answer import Answer

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 2, 12, tzinfo=BERLIN).timestamp()

SEEN = [Answer(label="person", score=0.8, box=None)]


def _rules(interval_s: float = 0.0, **settings: object) -> Rules:
    alert = msgspec.convert({"class": "person", "timezone": "Europe/Berlin", **settings}, Alert)
    assert alert.faults("alert.night") == []
    return Rules({"night": alert}, interval_s)


def _times(rules: Rules, seen: list[bool], step: float = 0.5) -> list[float]:
    """When the rule fired, the frames being `step` apart."""
    return [
        index * step
        for index, there in enumerate(seen)
        if rules.update(SEEN if there else [], index * step, NOON + index * step)
    ]


def test_it_fires_with_what_was_seen_and_since_when() -> None:
    rules = _rules(for_s=2)
    better = [Answer(label="person", score=0.6, box=None), Answer(label="person", score=0.9, box=None)]
    assert rules.update(SEEN, 100.0, NOON) == []
    assert rules.update(SEEN, 101.0, NOON + 1) == []
    assert rules.update(better, 102.0, NOON + 2) == [Fired(rule="night", label="person", score=0.9, since=NOON)]


@pytest.mark.parametrize(
    ("label", "score", "fires"),
    [("person", 0.6, True), ("person", 0.59, False), ("parcel", 0.9, False)],
)
def test_class_and_score_decide(label: str, score: float, fires: bool) -> None:
    answers = [Answer(label=label, score=score, box=None)]
    assert bool(_rules(min_score=0.6).update(answers, 0.0, NOON)) is fires


def test_without_a_duration_the_first_frame_fires() -> None:
    assert _times(_rules(), [True, True, True]) == [0.0]


def test_a_sight_shorter_than_the_duration_is_none() -> None:
    assert _times(_rules(for_s=2), [True] * 4 + [False] * 4 + [True] * 4) == []


def test_a_gap_within_the_tolerance_does_not_break_a_sight() -> None:
    # 0, 0.5, then missed at 1.0, seen at 1.5 and 2.0.
    assert _times(_rules(for_s=2), [True, True, False, True, True]) == [2.0]
    # Missed for more than a second: it begins anew at 2.0.
    assert _times(_rules(for_s=2), [True, True, False, False, True, True, True, True, True]) == [4.0]


def test_a_slow_camera_has_a_longer_tolerance() -> None:
    slow = [True] * 4
    assert _times(_rules(for_s=5), slow, step=2.0) == []
    assert _times(_rules(for_s=5, interval_s=2.0), slow, step=2.0) == [6.0]
    slowed = _rules(for_s=5)
    slowed.pace(2.0)
    assert _times(slowed, slow, step=2.0) == [6.0]


def test_it_is_quiet_while_it_cools_down_and_then_tells_again() -> None:
    assert _times(_rules(cooldown_s=10), [True] * 60) == [0.0, 10.0, 20.0]


def test_a_still_picture_shows_what_was_seen_last() -> None:
    rules = _rules(for_s=5)
    rules.update(SEEN, 0.0, NOON)
    fired = [second for second in range(1, 9) if rules.still(float(second), NOON + second)]
    assert fired == [5]
    rules.update([], 9.0, NOON)
    assert [rules.still(90.0 + second, NOON) for second in range(9)] == [[]] * 9


def test_rules_are_judged_one_by_one() -> None:
    one, other = Alert(label="person"), Alert(label="parcel")
    rules = Rules({"a": one, "b": other, "c": one})
    assert [fired.rule for fired in rules.update(SEEN, 0.0, NOON)] == ["a", "c"]


@pytest.mark.parametrize(
    ("hours", "clock", "within"),
    [
        ("22:00-05:00", "21:59", False),
        ("22:00-05:00", "22:00", True),
        ("22:00-05:00", "23:59", True),
        ("22:00-05:00", "00:00", True),
        ("22:00-05:00", "04:59", True),
        ("22:00-05:00", "05:00", False),
        ("08:30-17:00", "08:29", False),
        ("08:30-17:00", "08:30", True),
        ("08:30-17:00", "17:00", False),
        ("18:00-24:00", "23:59", True),
        ("18:00-24:00", "00:00", False),
        ("22:00-00:00", "23:00", True),
        ("22:00-00:00", "00:00", False),
        ("00:00-24:00", "12:34", True),
    ],
)
def test_hours(hours: str, clock: str, within: bool) -> None:
    wall = datetime.fromisoformat(f"2026-01-15T{clock}").replace(tzinfo=BERLIN).timestamp()
    assert Hours(hours, "Europe/Berlin").hold(wall) is within


def test_outside_its_hours_a_rule_is_quiet_and_at_their_start_it_fires() -> None:
    rules = _rules(hours="22:00-05:00", for_s=2, cooldown_s=3600)
    start = datetime(2026, 1, 15, 21, 59, 50, tzinfo=BERLIN).timestamp()
    assert [second for second in range(30) if rules.update(SEEN, float(second), start + second)] == [10]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_night_of_daylight_saving_is_one_night(day: str) -> None:
    """The clock is moved at 1 UTC: by its own hands every minute of the night is within, and none of the day."""
    hours = Hours("22:00-05:00", "Europe/Berlin")
    start = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=BERLIN) - timedelta(hours=6)
    within = [hours.hold(start.timestamp() + 60 * minute) for minute in range(24 * 60)]
    changes = [minute for minute in range(1, len(within)) if within[minute] is not within[minute - 1]]
    night = {"2026-03-29": 6, "2026-10-25": 8}[day]
    assert changes == [4 * 60, (4 + night) * 60]


def test_the_same_moment_is_another_hour_elsewhere() -> None:
    wall = datetime(2026, 1, 15, 23, tzinfo=BERLIN).timestamp()
    assert Hours("22:00-05:00", "Europe/Berlin").hold(wall)
    assert not Hours("22:00-05:00", "America/New_York").hold(wall)


def test_a_jump_of_the_wall_clock_moves_no_duration() -> None:
    rules = _rules(for_s=3)
    walls = [NOON, NOON - 86_400, NOON + 1e9, NOON + 3]
    fired = [each for second, wall in enumerate(walls) for each in rules.update(SEEN, float(second), wall)]
    assert [each.since for each in fired] == [NOON]


@given(
    looks=st.lists(st.tuples(st.booleans(), st.floats(allow_nan=True), st.floats(-1e9, 1e9)), max_size=20),
    timezone=st.sampled_from(["", "Europe/Berlin", "Pacific/Kiritimati"]),
)
def test_no_clock_raises(looks: list[tuple[bool, float, float]], timezone: str) -> None:
    rules = _rules(hours="22:00-05:00", timezone=timezone)
    for seen, wall, now in looks:
        assert len(rules.update(SEEN if seen else [], now, wall)) <= 1
        assert len(rules.still(now, wall)) <= 1


@given(
    steps=st.lists(st.tuples(st.floats(0.05, 5.0), st.booleans()), max_size=80),
    for_s=st.floats(0, 5),
    cooldown_s=st.floats(0, 20),
)
def test_it_never_fires_twice_within_the_cooldown_nor_before_the_duration(
    steps: list[tuple[float, bool]], for_s: float, cooldown_s: float
) -> None:
    rules, now, last, seen_at = _rules(for_s=for_s, cooldown_s=cooldown_s), 0.0, None, None
    for step, seen in steps:
        now += step
        if seen and seen_at is None:
            seen_at = now
        fired = rules.update(SEEN if seen else [], now, NOON + now)
        if fired:
            assert seen
            assert seen_at is not None
            assert now - seen_at >= for_s
            assert last is None or now - last >= cooldown_s
            last = now


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        pytest.param({"class": ""}, "class", id="no class"),
        pytest.param({"min_score": 1.5}, "min_score", id="score over one"),
        pytest.param({"hours": "22-5"}, "hours", id="no minutes"),
        pytest.param({"hours": "25:00-05:00"}, "hours", id="hour 25"),
        pytest.param({"hours": "24:30-05:00"}, "hours", id="after 24:00"),
        pytest.param({"hours": "05:00-05:00"}, "hours", id="no time at all"),
        pytest.param({"hours": ""}, "hours", id="empty"),
        pytest.param({"for_s": -1}, "for_s", id="negative duration"),
        pytest.param({"gap_s": float("nan")}, "gap_s", id="nan"),
        pytest.param({"cooldown_s": -1}, "cooldown_s", id="negative cool-down"),
        pytest.param({"timezone": "Europe/Atlantis"}, "timezone", id="no such zone"),
        pytest.param({"timezone": "../../etc/passwd"}, "timezone", id="a path"),
        pytest.param({"timezone": "Europe"}, "timezone", id="a directory of zones"),
    ],
)
def test_faults_name_the_key(settings: dict[str, object], key: str) -> None:
    alert = msgspec.convert({"class": "person", **settings}, Alert)
    assert [found[0] for found in alert.faults("alert.night")] == [f"alert.night.{key}"]
