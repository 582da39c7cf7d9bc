"""From a camera to the broker beyond the uplink: while all is well, while the uplink is cut, and over a power cut."""

from __future__ import annotations

import time

import pytest

from e2e.cloud import Subscriber, spooled_ids, start_broker
from e2e.cluster import Cluster, until
from e2e.releases import CAMERAS, DETECTOR, containers, scrape, series, wait_for_answers

pytestmark = pytest.mark.e2e
# The minute; camera, model and spool go on meanwhile.
CUT_S = 60.0


def answered(cluster: Cluster, camera: str) -> float:
    return series(scrape(cluster, CAMERAS, 9091), "edge_camera_frame_age_seconds_count", camera=camera)


def test_frames_of_cameras_on_both_sides_become_events_at_the_broker(models: Cluster, events: Subscriber) -> None:
    begun = len(events.messages())
    for camera in ("dock", "yard"):
        until(lambda camera=camera: seen(events, camera, begun), f"detections of {camera}")  # type: ignore[misc]
    found = next(event for event in events.events()[begun:] if event["answers"])
    assert (found["gateway"], found["model"], found["model_version"]) == ("gw-1", DETECTOR, "1.0.0")


def seen(events: Subscriber, camera: str, begun: int) -> bool:
    new = events.events()[begun:]
    return any(each["camera"] == camera and each["kind"] == "detection" and each["answers"] for each in new)


def test_events_of_a_minute_without_an_uplink_arrive_afterwards_and_once(
    models: Cluster, events: Subscriber, healed: Cluster
) -> None:
    before, asked = set(events.twice()), answered(models, "dock")
    healed.on_lab("cut")
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > CUT_S, "a minute has passed", CUT_S + 5)
    held = spooled_ids(models)
    waiting = set(held) - set(events.ids())
    assert answered(models, "dock") > asked + 30, "inference goes on"
    assert len(waiting) > 5, "and its events wait"
    mended = time.monotonic()
    healed.on_lab("heal")
    until(lambda: waiting <= set(events.ids()), "all of them have arrived")
    print(f"{len(waiting)} events of a minute without an uplink arrived within {time.monotonic() - mended:.1f} s")
    all_arrived(models, events)
    assert set(events.twice()) - before == set(), "each arrived once"


def test_a_power_cut_without_an_uplink_costs_no_event_that_was_spooled(
    models: Cluster, events: Subscriber, healed: Cluster
) -> None:
    healed.on_lab("cut")
    until(lambda: len(set(spooled_ids(models)) - set(events.ids())) > 5, "events wait in the spool")
    held, before = set(spooled_ids(models)), set(events.twice())
    running = ready(models)
    begun = time.monotonic()
    # It takes the broker with it.
    healed.on_lab("crash")
    healed.on_lab("restart")
    back = time.monotonic()
    # The API server still tells what was before the cut: only new containers are back.
    until(lambda: len(ready(models) - running) == len(running), "pods are back", 180)
    wait_for_answers(models, DETECTOR)
    now = time.monotonic()
    print(f"power cut: pods are back {now - back:.1f} s after the cluster, {now - begun:.1f} s after the cut")
    start_broker(models, events)
    healed.on_lab("heal")
    until(lambda: held <= set(events.ids()), "all of them have arrived", 180)
    until(lambda: set(events.ids()) - held, "and new ones come")
    all_arrived(models, events)
    # How far it was told may be lost with the power; then the last ones come again, as they were.
    twice = set(events.twice()) - before
    print(f"power cut: {len(held)} events held, {len(twice)} arrived twice, to be dropped by id")
    assert {count(events, each) for each in twice} <= {1}, "what comes again is the same event"


def ready(cluster: Cluster) -> set[str]:
    return containers(cluster, DETECTOR) | containers(cluster, CAMERAS, "camera-ingest")


def count(events: Subscriber, wanted: str) -> int:
    """Return how many different messages carry this id."""
    return len({message for message in events.messages() if f'"{wanted}"'.encode() in message})


def all_arrived(cluster: Cluster, events: Subscriber) -> None:
    """Nothing that is in the spool by now stays behind, and nothing had to make room there."""
    held = set(spooled_ids(cluster))
    until(lambda: held <= set(events.ids()), "nothing is left behind")
    assert series(scrape(cluster, CAMERAS, 9091), "edge_camera_spool_dropped_total") == 0
