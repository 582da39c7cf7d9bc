"""From a camera to the broker beyond the uplink: while all is well, while the uplink is cut, and over a power cut."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from e2e.cluster import Cluster, until
from e2e.house import CAMERAS, DETECTOR, Subscriber, scrape, series, spooled_ids

pytestmark = pytest.mark.e2e
# The minute; camera, model and spool go on meanwhile.
CUT_S = 60.0


def answered(cluster: Cluster, camera: str) -> float:
    text = scrape(cluster, f"deploy/{CAMERAS}", 9091)
    return series(text, "edge_camera_frame_age_seconds_count", camera=camera)


def test_frames_of_cameras_on_both_sides_become_events_at_the_broker(models: Cluster, events: Subscriber) -> None:
    for camera in ("dock", "yard"):
        until(lambda camera=camera: seen(events, camera), f"detections of {camera}")  # type: ignore[misc]
    found = next(event for event in events.events() if event["answers"])
    assert (found["gateway"], found["model"], found["model_version"]) == ("gw-1", DETECTOR, "1.0.0")


def seen(events: Subscriber, camera: str) -> bool:
    return any(each["camera"] == camera and each["kind"] == "detection" and each["answers"] for each in events.events())


def test_events_of_a_minute_without_an_uplink_arrive_afterwards(
    models: Cluster, events: Subscriber, healed: Cluster
) -> None:
    before, asked = len(events.ids()), answered(models, "dock")
    healed.on_lab("cut")
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > CUT_S, "a minute has passed", CUT_S + 5)
    held = spooled_ids(models)
    assert answered(models, "dock") > asked + 30, "inference goes on"
    assert len(set(held) - set(events.ids())) > 5, "and its events wait"
    healed.on_lab("heal")
    until(lambda: set(held) <= set(events.ids()), "all of them have arrived")
    assert len(events.ids()) > before
    assert not lost(models, events)


def test_a_power_cut_without_an_uplink_costs_no_event_that_was_spooled(
    models: Cluster, events: Subscriber, healed: Cluster
) -> None:
    healed.on_lab("cut")
    until(lambda: len(set(spooled_ids(models)) - set(events.ids())) > 5, "events wait in the spool")
    held, subscribed = spooled_ids(models), events.subscribed()
    # It takes the broker with it.
    healed.on_lab("crash")
    begun = time.monotonic()
    healed.on_lab("restart", timeout=300)
    until(lambda: serves(models), "pods are back", 180)
    print(f"power cut: pods are back after {time.monotonic() - begun:.1f} s")
    healed.on_lab("broker")
    until(lambda: events.subscribed() > subscribed, "who subscribes is there before anything can come")
    healed.on_lab("heal")
    until(lambda: set(held) <= set(events.ids()), "all of them have arrived", 180)
    until(lambda: seen_since(events, len(held)), "and new ones come")
    assert not lost(models, events)


def serves(cluster: Cluster) -> bool:
    done = cluster.run(
        "kubectl", "-n", "edge-e2e", "rollout", "status", f"deploy/{CAMERAS}", f"deploy/{DETECTOR}", "--timeout=5s",
        check=False,
    )  # fmt: skip
    return done.returncode == 0


def seen_since(events: Subscriber, count: int) -> bool:
    return len(set(events.ids())) > count


def lost(cluster: Cluster, events: Subscriber) -> set[str]:
    """Return what is in the spool and did not reach the broker in a while; what came twice is told."""
    twice = [each for each, count in Counter(events.ids()).items() if count > 1]
    print(f"{len(set(events.ids()))} events arrived, {len(twice)} of them twice, to be dropped by id")
    held = set(spooled_ids(cluster))
    until(lambda: held <= set(events.ids()), "nothing is left behind")
    return held - set(events.ids())
