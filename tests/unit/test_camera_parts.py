"""camera-ingest's small parts: slot, fps limit, percentiles, ids, change detection, sinks' queue."""

from __future__ import annotations

import threading
import tracemalloc
import uuid
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge_camera.answer import Answer
from edge_camera.client import Reply, State, fit
from edge_camera.clocksync import clock_synced
from edge_camera.events import Changes, new_id, timestamp
from edge_camera.mailbox import Mailbox
from edge_camera.metrics import Metrics
from edge_camera.record import Record
from edge_camera.reservoir import CAPACITY, Reservoir, percentiles
from edge_camera.sampler import RateLimit


def test_newest_item_wins_and_the_loss_is_told() -> None:
    slot = Mailbox[int]()
    assert [slot.put(1), slot.put(2)] == [False, True]
    assert slot.take(0) == 2
    assert slot.take(0) is None
    assert slot.put(3) is False


def test_a_closed_mailbox_gives_its_last_item_and_then_ends() -> None:
    slot = Mailbox[int]()
    slot.put(1)
    slot.close()
    assert not slot.ended
    assert (slot.take(), slot.take(), slot.ended) == (1, None, True)


def test_close_wakes_a_waiting_taker_and_a_waiting_putter() -> None:
    slot, got = Mailbox[int](), []
    taker = threading.Thread(target=lambda: got.append(slot.take()))
    taker.start()
    slot.close()
    taker.join(5)
    slot.put(1)
    slot.wait_free()
    assert got == [None]


@pytest.mark.parametrize(
    ("source_fps", "limit", "passed"),
    [
        pytest.param(25, 10, 100, id="uneven ratio keeps the average"),
        pytest.param(20, 20, 200, id="limit equal to the rate passes all"),
        pytest.param(20, 240, 200, id="limit above the rate passes all"),
        pytest.param(30, 1, 11, id="one a second, each up to a tenth early"),
    ],
)
def test_rate_limit(source_fps: int, limit: float, passed: int) -> None:
    gate = RateLimit(limit)
    assert sum(gate.admit(i / source_fps) for i in range(source_fps * 10)) == passed


def test_rate_limit_makes_up_for_no_gap_with_a_burst() -> None:
    gate = RateLimit(10)
    assert [gate.admit(t) for t in (0.0, 5.0, 5.04, 5.08, 5.1)] == [True, True, False, False, True]


@given(
    st.floats(0.1, 240),
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=200),
)
def test_rate_limit_never_passes_more_than_asked(limit: float, gaps: list[float]) -> None:
    gate, now, passed = RateLimit(limit), 0.0, 0
    for gap in gaps:
        now += gap
        passed += gate.admit(now)
    assert passed <= (now - gaps[0]) * limit + 1.2


def test_reservoir_is_exact_until_full_and_bounded_after() -> None:
    small = Reservoir(capacity=100)
    for value in range(100):
        small.add(value)
    assert small.percentiles(0, 50, 100) == [0.0, 49.5, 99.0]
    for value in range(100, 100_000):
        small.add(value)
    assert small.count == 100_000
    assert small.percentiles(50)[0] == pytest.approx(50_000, rel=0.3)
    assert Reservoir().percentiles(50, 99) == [None, None]


def test_a_full_reservoir_takes_the_memory_that_it_says() -> None:
    tracemalloc.start()
    try:
        full = Reservoir()
        for value in range(2 * CAPACITY):
            full.add(value / 7)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 1.1 * 168_000


def test_percentiles_of_a_page_are_a_second_old_at_most_and_those_of_a_report_of_now() -> None:
    record = Record("dock-3", Metrics(CollectorRegistry(), ["dock-3"], []))
    assert record.percentiles(record.frame_age, 100.0) == [None, None, None]
    record.answered(0.2, 0.1, 100.0)
    assert record.percentiles(record.frame_age, 100.9) == [None, None, None]
    assert record.percentiles(record.frame_age) == [0.2, 0.2, 0.2]
    assert record.percentiles(record.frame_age, 101.0) == [0.2, 0.2, 0.2]
    assert record.percentiles(record.inference, 101.0) == [0.1, 0.1, 0.1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_percentiles_are_numpys(values: list[float], wanted: float) -> None:
    assert percentiles(array("d", values), wanted) == [pytest.approx(np.percentile(values, wanted))]


def test_ids_are_uuid_version_7_and_sort_by_time() -> None:
    ids = [new_id(1_700_000_000 + i / 1000) for i in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == 1_700_000_000_000


def test_timestamp_is_utc_with_milliseconds() -> None:
    assert timestamp(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


def test_clock_synced_asks_the_kernel() -> None:
    assert clock_synced() in {True, False}


def _reply(*labels: str, state: State = State.OK) -> Reply:
    answers = tuple(Answer(label=label, score=0.9, box=None) for label in labels)
    return Reply(state=state, answers=answers, age_s=0.01)


def test_detections_are_told_on_change_and_at_keepalive() -> None:
    changes = Changes(keepalive_s=10)
    steps = [
        (_reply(), 0.0, True),
        (_reply(), 1.0, False),
        (_reply("3"), 2.0, True),
        (_reply("3"), 3.0, False),
        (_reply("3", "3"), 4.0, True),
        (_reply("3", "5"), 5.0, True),
        (_reply("5", "3"), 6.0, False),
        (_reply(state=State.TIMEOUT), 7.0, True),
        (_reply(), 8.0, True),
        (_reply(), 17.9, False),
        (_reply(), 18.0, True),
    ]
    assert [changes.worth_telling(reply, now) for reply, now, _ in steps] == [told for *_, told in steps]


def test_fit_shrinks_and_never_enlarges() -> None:
    wide = np.zeros((100, 400, 3), np.uint8)
    small, scale = fit(wide, 200)
    assert (small.shape, scale) == ((50, 200, 3), 0.5)
    assert fit(wide, 400) == (wide, 1.0)
