"""Admission: bounded, first come first served, every refusal told, and no slot lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from edge_common.errors import DeadlinePassed, EdgeError, Overloaded
from edge_inference.gate import Gate
from live import until

LONG_S = 30.0


class Caller:
    """A thread that enters, tells `order`, holds its slot until `release`, and leaves."""

    def __init__(self, gate: Gate, name: int, order: list[int], deadline: float | None = None) -> None:
        self.release = threading.Event()
        self.fault: EdgeError | None = None
        self._call = (gate, name, order, deadline)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        gate, name, order, deadline = self._call
        try:
            gate.enter(deadline)
        except EdgeError as exc:
            self.fault = exc
            return
        order.append(name)
        self.release.wait(LONG_S)
        gate.leave()

    def end(self) -> None:
        self.release.set()
        self.thread.join(LONG_S)
        assert not self.thread.is_alive()


def _is(wanted: Any, found: Callable[[], Any]) -> None:
    until(lambda: found() == wanted, f"{wanted}, found {found()}", 10)


def test_at_most_limit_run_and_at_most_queue_wait() -> None:
    gate = Gate(2, 1, LONG_S)
    gate.enter()
    gate.enter()
    waiting = Caller(gate, 0, [])
    _is(1, lambda: gate.queue_length)
    with pytest.raises(Overloaded, match="all 2 slots and 1 queue places are taken"):
        gate.enter()
    gate.leave()
    waiting.end()
    gate.leave()
    assert (gate.in_flight, gate.queue_length) == (0, 0)


def test_first_come_first_served() -> None:
    gate, order = Gate(1, 10, LONG_S), list[int]()
    gate.enter()
    callers = []
    for name in range(5):
        callers.append(Caller(gate, name, order))
        _is(name + 1, lambda: gate.queue_length)
    gate.leave()
    for served, caller in enumerate(callers, 1):
        _is(served, lambda: len(order))
        caller.end()
    assert order == [0, 1, 2, 3, 4] and gate.in_flight == 0


def test_no_slot_in_time_is_overloaded_and_leaves_the_queue() -> None:
    gate = Gate(1, 1, 0.01)
    gate.enter()
    with pytest.raises(Overloaded, match=r"no slot came free within 0\.01 s"):
        gate.enter()
    assert (gate.in_flight, gate.queue_length) == (1, 0)


def test_a_passed_deadline_takes_no_slot() -> None:
    gate = Gate(1, 1, LONG_S)
    with pytest.raises(DeadlinePassed, match="before it ran"):
        gate.enter(time.monotonic() - 1)
    assert gate.in_flight == 0


def test_a_deadline_that_passes_in_the_queue() -> None:
    gate = Gate(1, 1, LONG_S)
    gate.enter()
    with pytest.raises(DeadlinePassed, match="while it waited"):
        gate.enter(time.monotonic() + 0.01)
    assert gate.queue_length == 0


def test_a_deadline_behind_the_wait_is_overloaded() -> None:
    gate = Gate(1, 1, 0.01)
    gate.enter()
    with pytest.raises(Overloaded):
        gate.enter(time.monotonic() + LONG_S)


def test_a_queue_of_none_refuses_at_once() -> None:
    gate = Gate(1, 0, LONG_S)
    gate.enter()
    with pytest.raises(Overloaded):
        gate.enter()


def test_no_slot_is_lost_or_made_when_callers_give_up_as_slots_come_free() -> None:
    """Waits of a tenth of a millisecond race with the handing over; the count must come back to zero."""
    gate, most = Gate(2, 8, 0.0001), 0
    lock = threading.Lock()
    inside, admitted, refused = 0, 0, 0

    def work() -> None:
        nonlocal inside, admitted, refused, most
        for _ in range(300):
            try:
                gate.enter()
            except Overloaded:
                with lock:
                    refused += 1
                continue
            with lock:
                inside += 1
                admitted += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            gate.leave()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
        assert not thread.is_alive()
    assert (gate.in_flight, gate.queue_length) == (0, 0)
    assert most <= 2 and admitted + refused == 8 * 300


def test_a_slot_handed_over_as_the_wait_ends_is_taken() -> None:
    """`leave` has already taken the ticket off the queue when its owner gives up: the slot is the owner's."""
    gate = Gate(1, 1, 0.001)
    gate.enter()
    ticket = threading.Lock()
    ticket.acquire()
    gate._wait(ticket, None)
    assert (gate.in_flight, gate.queue_length) == (1, 0)
