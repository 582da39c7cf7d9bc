"""The next version beside the stable one: compared in the shadow, given a share of the frames, promoted in one upgrade."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from e2e.clients import changes, load, versions
from e2e.cloud import Subscriber
from e2e.cluster import Cluster, until
from e2e.releases import CAMERAS, DETECTOR, apply_now, scrape, series, serving, upgrade

pytestmark = pytest.mark.e2e
WINDOW_S = 15.0
CANDIDATE = ("candidate.enabled=true", "candidate.version=1.1.0")
PROMOTION = ("model.version=1.1.0", "candidate.enabled=false")
# Two cameras, each with one frame under way at most; and as many between two readings of a page.
UNDER_WAY = 4


@dataclass(frozen=True, slots=True)
class Frames:
    """What became of frames, since the start of the process: sent, answered by track, and lost after they were sent."""

    sent: float
    main: float
    candidate: float
    lost: float

    def since(self, other: Frames) -> Frames:
        return Frames(
            self.sent - other.sent,
            self.main - other.main,
            self.candidate - other.candidate,
            self.lost - other.lost,
        )


def frames(cluster: Cluster) -> Frames:
    text = scrape(cluster, CAMERAS, 9091)
    main, candidate = (series(text, "edge_camera_inference_seconds_count", track=t) for t in ("main", "candidate"))
    causes = ("stale", "busy", "timeout", "rejected", "error")
    lost = sum(series(text, "edge_camera_frames_lost_total", cause=cause) for cause in causes)
    return Frames(series(text, "edge_camera_frames_total", outcome="sent"), main, candidate, lost)


def main_path_ms(cluster: Cluster) -> float:
    """Return the mean time of a main call over a while."""

    def both() -> tuple[float, float]:
        text = scrape(cluster, CAMERAS, 9091)
        total, count = (
            series(text, f"edge_camera_inference_seconds_{part}", track="main") for part in ("sum", "count")
        )
        return total, count

    until(lambda: both()[1] > 20, "frames are answered")
    first, begun = both(), time.monotonic()
    until(lambda: time.monotonic() - begun > WINDOW_S, "a window has passed", WINDOW_S + 5)
    last = both()
    assert last[1] > first[1], "frames are answered all along"
    return (last[0] - first[0]) / (last[1] - first[1]) * 1000


def test_a_candidate_in_the_shadow_is_compared_and_the_main_path_does_not_wait(
    models: Cluster, events: Subscriber
) -> None:
    before = main_path_ms(models)
    upgrade(models, DETECTOR, *CANDIDATE)
    ask_candidate(models, "enabled=true")
    until(lambda: agreed(models) > 20, "answers are compared")
    beside = main_path_ms(models)
    ask_candidate(models, "enabled=false")
    after = main_path_ms(models)
    print(f"main path: mean {before:.1f} ms alone, {beside:.1f} ms beside a shadow, {after:.1f} ms alone again")
    # Two cores do twice the work; waiting for the shadow's answer would add a whole call.
    assert beside < 1.8 * max(before, after)


def ask_candidate(cluster: Cluster, *values: str) -> None:
    upgrade(cluster, CAMERAS, *(f"inference.candidate.{value}" for value in values), chart="camera-ingest")
    apply_now(cluster, CAMERAS)


def agreed(cluster: Cluster) -> float:
    return series(scrape(cluster, CAMERAS, 9091), "edge_camera_shadow_total", agreement="both")


def test_a_candidate_is_promoted_in_one_upgrade_without_a_failed_request(models: Cluster) -> None:
    upgrade(models, DETECTOR, *CANDIDATE)
    assert len(serving(models, DETECTOR, "candidate")) == 1
    with load(models, DETECTOR, clients=4) as clients:
        clients.settle("1.0.0")
        assert versions(clients.lines()) == {"1.0.0"}, "the stable service is not the candidate's"
        upgrade(models, DETECTOR, *PROMOTION)
        clients.settle("1.1.0")
        lines = clients.end()
    assert changes(lines) == [1] * 4, "each client saw the version change once"
    until(lambda: not serving(models, DETECTOR, "candidate"), "the candidate is gone")


def test_a_split_candidate_that_is_promoted_costs_no_frame(models: Cluster, events: Subscriber) -> None:
    """Both versions get frames; the candidate's share goes to the main version once the candidate is gone."""
    upgrade(models, DETECTOR, *CANDIDATE)
    ask_candidate(models, "enabled=true", "mode=split", "share=0.5")
    until(lambda: frames(models).candidate > 0 and frames(models).main > 0, "both are asked")
    first = frames(models)
    shared = until(lambda: enough(frames(models).since(first)), "both get frames")
    assert 0.8 < shared.main / shared.candidate < 1.25, shared
    upgrade(models, DETECTOR, *PROMOTION)
    until(lambda: not serving(models, DETECTOR, "candidate"), "the candidate is gone")
    # What is on its way to it may still be answered while it leaves.
    until(lambda: not models.get("pods", "-l", "app.kubernetes.io/component=candidate")["items"], "and has left")
    gone = frames(models)
    alone = until(lambda: enough_alone(frames(models).since(gone)), "the main version gets all frames")
    assert alone.candidate == 0, alone
    total = frames(models).since(first)
    print(f"split: {shared}; promoted: {alone}; all along: {total}")
    assert total.lost == 0, "none lost"
    assert total.main + total.candidate >= total.sent - UNDER_WAY, "each that was sent was answered"
    new = [event for event in events.events()[-40:] if event["kind"] == "detection"]
    assert new and {event["model_version"] for event in new[-4:]} == {"1.1.0"}


def enough(seen: Frames) -> Frames | None:
    return seen if min(seen.main, seen.candidate) >= 20 else None


def enough_alone(seen: Frames) -> Frames | None:
    return seen if seen.main >= 60 else None
