"""Turns at a shared model: bounded, fair to slow cameras, and never lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from edge_camera.turns import Turns


def test_no_more_than_the_limit_and_no_turn_is_lost() -> None:
    turns, lock, at_once, most = Turns(2), threading.Lock(), 0, 0

    def ask(camera: str) -> bool:
        nonlocal at_once, most
        if not turns.enter(camera, 10):
            return False
        with lock:
            at_once += 1
            most = max(most, at_once)
        with lock:
            at_once -= 1
        turns.leave()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, [f"cam-{i % 6}" for i in range(600)]))
    assert 1 <= most <= 2
    assert turns.enter("a", 0) and turns.enter("b", 0) and not turns.enter("c", 0)


def test_a_turn_that_does_not_come_ends_the_wait_and_blocks_nobody() -> None:
    turns = Turns(1)
    assert turns.enter("a", 0)
    assert not turns.enter("b", 0.01)
    turns.leave()
    assert turns.enter("c", 0), "b has given up and is not waited for"


@given(order=st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_who_was_served_longest_ago_goes_first(order: list[str]) -> None:
    """Whatever came before, of all that wait the one with the oldest turn is next."""
    turns = Turns(1)
    for camera in order:
        assert turns.enter(camera, 0)
        turns.leave()
    assert turns.enter("busy", 0)
    served: list[str] = []
    began = {camera: threading.Event() for camera in "abc"}

    def wait(camera: str) -> None:
        began[camera].set()
        assert turns.enter(camera, 10)
        served.append(camera)
        turns.leave()

    threads = [threading.Thread(target=wait, args=(camera,)) for camera in "abc"]
    for thread in threads:
        thread.start()
    while turns.waiting < 3:
        began["a"].wait(0.001)
    turns.leave()
    for thread in threads:
        thread.join(10)
    last = {camera: len(order) - 1 - order[::-1].index(camera) if camera in order else -1 for camera in "abc"}
    wanted = sorted("abc", key=lambda camera: last[camera])
    known = [camera for camera in wanted if last[camera] >= 0]
    assert [camera for camera in served if camera in known] == known
    assert set(served[: 3 - len(known)]) == set("abc") - set(known), "those never served come first"
