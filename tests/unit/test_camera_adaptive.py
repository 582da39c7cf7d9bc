"""The adaptive rate against a simulated service: it finds what the service can do, shares it, and comes back."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.adaptive import DOWN, MIN_FPS, UP_PER_S, AdaptiveRate
from edge_camera.client import State

DEADLINE_S = 0.5


@dataclass
class Service:
    """One worker behind a queue; with `drops` it leaves out what will be past its deadline. Times are in seconds."""

    takes_s: float
    drops: bool = False
    free_at: float = 0.0
    jitter: random.Random = field(default_factory=lambda: random.Random(1))

    def ask(self, now: float) -> float:
        """Return how long the answer takes."""
        takes = self.takes_s * self.jitter.uniform(0.7, 1.3)
        waits = max(self.free_at, now) + takes - now
        if not (self.drops and waits > DEADLINE_S):
            self.free_at = now + waits
        return waits


@dataclass
class Count:
    asked: int = 0
    late: int = 0


def _run(rates: list[AdaptiveRate], service: Service, start: float, seconds: float) -> list[Count]:
    """Let every camera ask at its own rate, each its next frame only when the last is done."""
    due = [(start + index * 0.013, index) for index in range(len(rates))]
    counts = [Count() for _ in rates]
    while due[0][0] < start + seconds:
        now, index = heapq.heappop(due)
        waited = service.ask(now)
        done = now + min(waited, DEADLINE_S)
        fps = rates[index].note(State.TIMEOUT if waited > DEADLINE_S else State.OK, done)
        counts[index].asked += 1
        counts[index].late += waited > DEADLINE_S
        heapq.heappush(due, (max(done, now + service.jitter.uniform(0.9, 1.1) / fps), index))
    return counts


def test_a_fast_service_gets_the_full_rate_from_the_start() -> None:
    rate = AdaptiveRate(10)
    (count,) = _run([rate], Service(0.02), 0.0, 60)
    assert (count.late, rate.fps) == (0, 10)


@pytest.mark.parametrize("drops", [True, False])
@pytest.mark.parametrize(
    ("cameras", "takes_s"),
    [pytest.param(2, 0.3, id="2 by 3.3"), pytest.param(4, 0.15, id="4 by 6.7"), pytest.param(8, 0.1, id="8 by 10")],
)
def test_cameras_settle_at_what_a_slow_service_can_do_and_share_it(cameras: int, takes_s: float, drops: bool) -> None:
    rates, service = [AdaptiveRate(5) for _ in range(cameras)], Service(takes_s, drops)
    _run(rates, service, 0.0, 120)
    counts = _run(rates, service, 120.0, 480)
    asked, late = sum(count.asked for count in counts), sum(count.late for count in counts)
    in_time = (asked - late) / 480 * takes_s
    assert in_time > 0.65
    assert late / asked < 0.25
    assert max(count.asked for count in counts) < 1.4 * min(count.asked for count in counts)


def test_a_hopeless_service_is_asked_at_the_least_rate_and_a_healed_one_fully_again() -> None:
    rate = AdaptiveRate(5)
    (count,) = _run([rate], Service(2.0), 0.0, 40)
    assert count.late == count.asked
    assert rate.fps == MIN_FPS
    _run([rate], Service(0.02), 40.0, 45)
    assert rate.fps == 5


def test_a_hiccup_slows_down_once() -> None:
    rate = AdaptiveRate(10)
    fps = [rate.note(State.TIMEOUT, index / 10) for index in range(11)]
    assert fps == [pytest.approx(7.0)] * 10 + [pytest.approx(4.9)]


@pytest.mark.parametrize("state", [State.TIMEOUT, State.STALE, State.REJECTED])
def test_every_kind_of_lateness_slows_down(state: State) -> None:
    assert AdaptiveRate(10).note(state, 0.0) == 7.0


def test_errors_say_nothing_about_speed() -> None:
    rate = AdaptiveRate(10)
    rate.note(State.TIMEOUT, 0.0)
    assert [rate.note(State.ERROR, float(second)) for second in range(1, 60)] == [7.0] * 59
    assert rate.note(State.OK, 60.0) == pytest.approx(7.0 + 10 * UP_PER_S)


def test_one_late_answer_in_a_thousand_costs_little() -> None:
    rate = AdaptiveRate(10)
    fps = [rate.note(State.TIMEOUT if index % 1000 == 0 else State.OK, index / 10) for index in range(1, 6001)]
    assert sum(fps) / len(fps) > 9.7


def test_a_camera_slower_than_the_least_rate_keeps_its_own() -> None:
    rate = AdaptiveRate(0.05)
    for index in range(20):
        assert rate.note(State.TIMEOUT, index * 20.0) == 0.05


@given(
    fps=st.floats(0.01, 240),
    ends=st.lists(st.tuples(st.sampled_from(list(State)), st.floats(-1e6, 1e6)), max_size=60),
)
def test_the_rate_stays_in_its_bounds_whatever_the_clock(fps: float, ends: list[tuple[State, float]]) -> None:
    rate = AdaptiveRate(fps)
    for state, now in ends:
        assert min(MIN_FPS, fps) <= rate.note(state, now) <= fps


@given(every_s=st.floats(0.05, 0.5))
def test_down_and_up_take_the_time_that_is_promised(every_s: float) -> None:
    rate, now, cuts = AdaptiveRate(10), 0.0, 0
    while rate.fps > 1.0:
        cuts += rate.note(State.STALE, now) < 10 * DOWN**cuts - 1e-9
        now += every_s
    # Seven cuts, and one a second is the most there can be.
    assert cuts == 7
    assert now <= 6 * (1 + every_s) + every_s
    began = now
    while rate.fps < 10:
        now += every_s
        rate.note(State.OK, now)
    assert now - began <= (1 - DOWN**7) / UP_PER_S + every_s
