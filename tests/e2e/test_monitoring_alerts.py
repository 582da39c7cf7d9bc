"""Faults on the lab become alerts that are true, and clear when the fault is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from e2e.cloud import Subscriber
from e2e.cluster import POLL_S, Cluster, until
from e2e.monitoring import Watch
from e2e.monitoring_faults import RELEASES, Fault, Stage, cameras, install, remove

pytestmark = pytest.mark.e2e
# The longest that a rule asks for here: 30 min / 20 for the window of EdgeModelSlow, and what Kubernetes and kubelet take.
PATIENCE_S = 240.0


def test_each_fault_becomes_an_alert_and_clears(
    installed: Cluster, watch: Watch, surroundings: tuple[Subscriber, dict[str, object]], healed: Cluster
) -> None:
    """Every fault at once, each told from the others by the labels of its alerts.

    The rules are those of the chart with every duration divided by 20 (`for`, ranges), read from scrapes each 2 s; the
    expressions are otherwise as they stand: thresholds, and numbers of calls that are asked for, are not changed.
    """
    with cameras(healed) as two, ExitStack() as held:
        install(installed, surroundings[1], two)
        try:
            faults = Stage(healed, watch, two, held).faults()
            everything = {f"{fault.name}: {name}" for fault in faults for name, _ in fault.alerts}
            until(lambda: well(watch) and not lit(watch, faults), "all is well before", PATIENCE_S)
            for fault in faults:
                fault.cause()
            times = noted(lambda: lit(watch, faults), everything, "is true")
            for fault in faults:
                fault.mend()
            cleared = noted(lambda: everything - lit(watch, faults), everything, "is clear again")
            for key in sorted(everything):
                print(
                    f"{key}: true {times[key]:.0f} s after the last fault, clear {cleared[key]:.0f} s after the last mend"
                )
        finally:
            remove(installed)


def well(watch: Watch) -> bool:
    """Are all models ready, and do all four cameras see?"""
    ready = watch.prometheus.ask("edge_inference_ready == 1")
    seeing = watch.prometheus.ask('edge_camera_state{state="ok"} == 1')
    return {one.labels["release"] for one in ready} >= RELEASES and len(seeing) == 4


def lit(watch: Watch, faults: list[Fault]) -> set[str]:
    """Return, of the alerts that these faults have to set off, those that are true now."""
    return {
        f"{fault.name}: {name}" for fault in faults for name, labels in fault.alerts if watch.firing(name, **labels)
    }


def noted(look: Callable[[], set[str]], wanted: set[str], what: str) -> dict[str, float]:
    """Wait until each of `wanted` has been seen; return after how many seconds each was."""
    begun, times = time.monotonic(), dict[str, float]()

    def missing() -> set[str]:
        for key in look():
            times.setdefault(key, time.monotonic() - begun)
        return wanted - times.keys()

    end = begun + PATIENCE_S
    while missing():
        assert time.monotonic() < end, f"not within {PATIENCE_S:.0f} s: {missing()} {what}"
        time.sleep(POLL_S)
    return times
