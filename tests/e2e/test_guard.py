"""A bad version that passes every check before it serves is rolled back by its guard, within its window."""

from __future__ import annotations

import os

import pytest

from e2e.cloud import Subscriber
from e2e.cluster import Cluster
from e2e.monitoring import SCRAPE_S, Watch
from e2e.monitoring_guard import WINDOW_S, guarded, in_place, roll_out
from e2e.releases import DETECTOR, model_version

pytestmark = pytest.mark.e2e
# The guard's own start, and the way back: a preflight, and the start of a pod of the version before.
AROUND_S = 40
# GUARD_ROUNDS=10 tries each bad version as often as the good ones are tried while the uplink is cut: a quarter of an hour.
ROUNDS = int(os.environ.get("GUARD_ROUNDS", "1"))


@pytest.mark.parametrize(
    ("version", "why"),
    [pytest.param("1.4.0", ("mean", "p95"), id="slow"), pytest.param("1.5.0", ("scores",), id="drifting")],
)
def test_a_version_that_does_badly_on_live_frames_is_rolled_back(
    installed: Cluster,
    watch: Watch,
    surroundings: tuple[Subscriber, dict[str, object]],
    version: str,
    why: tuple[str, ...],
) -> None:
    """Golden samples are answered as recorded, within a generous budget: only live frames tell."""
    guarded(installed, surroundings[1])
    for number in range(ROUNDS):
        rollout = roll_out(installed, version)
        served = serving_s(watch, version, rollout.seconds)
        print(
            f"{number}: {version}: ready for {served:.0f} s, in all {rollout.seconds:.0f} s; {rollout.decided.get('why')}"
        )
        assert rollout.returncode != 0, rollout.said
        assert (rollout.decided.get("version"), rollout.decided.get("outcome")) == (version, "bad"), rollout.said
        assert any(each in rollout.decided["why"] for each in why)
        assert model_version(installed, DETECTOR) == "1.0.0"
        assert in_place(installed) == {"1.0.0"}
        assert 0 < served < WINDOW_S + AROUND_S


def serving_s(watch: Watch, version: str, within_s: float) -> float:
    """Return for how long a version has been ready in the last seconds, as Prometheus saw it."""
    ready = f'max(edge_inference_ready{{release="{DETECTOR}",version="{version}"}}) == 1'
    return watch.prometheus.one(f"count_over_time(({ready})[{int(within_s) + SCRAPE_S}s:{SCRAPE_S}s])") * SCRAPE_S
