"""A power cut while a version is watched: every container of the node begins anew, and no version is to blame."""

from __future__ import annotations

from typing import Any

import pytest

from edgectl.cluster.connect import connect
from edgectl.cluster.scrape import ThroughApiServer
from edgectl.rollout.run import End, watch_release
from kube_support import job, job_pod, pod
from rollout_support import AFTER, NEW, House, Ticks, told, wanted
from rollout_support import installed as installed

pytestmark = pytest.mark.deploy

LOST = {"terminated": {"reason": "Unknown", "exitCode": 255}}


def watched(clock: Ticks, **other: Any) -> End:
    api = connect()
    return watch_release(api, ThroughApiServer(api), wanted(**other), clock)


def from_then_on(house: House, clock: Ticks, at: float, **how: Any) -> Ticks:
    """Let the new version's pod be so from a moment on."""
    serve = clock.then

    def happen(now: float) -> None:
        serve(now)
        if now >= at:
            house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER, **how)]

    clock.then = happen
    return clock


@pytest.mark.parametrize("guard", [False, True], ids=["by-hand", "guard"])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"restarts": 1, "last": LOST}, id="began-anew"),
        pytest.param({"restarts": 0, "state": LOST, "ready": False}, id="not-yet"),
        pytest.param(
            {"restarts": 1, "last": LOST, "state": {"waiting": {"reason": "ContainerCreating"}}, "ready": False},
            id="begins",
        ),
    ],
)
@pytest.mark.parametrize("at", [9, 20], ids=["midway", "at-the-last-look"])
def test_a_node_that_began_anew_says_nothing_of_the_version(
    house: House, capsys: pytest.CaptureFixture[str], guard: bool, how: dict[str, Any], at: float
) -> None:
    house.baseline()
    clock = from_then_on(house, house.serve(NEW, "1.1.0"), at, **how)
    assert watched(clock, in_cluster=guard, rollback=not guard) is End.UNDECIDED
    assert told(capsys.readouterr().out)["why"].startswith(f"{NEW}: its node or container runtime began anew")
    assert house.rollbacks() == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        pytest.param("Error", 255, id="ended-so-itself"), pytest.param("OOMKilled", 137, id="memory"),
        pytest.param("Completed", 0, id="ended"),
    ],
)  # fmt: skip
def test_a_container_that_ended_by_itself_is_the_versions_fault(house: House, reason: str, code: int) -> None:
    house.baseline()
    last = {"terminated": {"reason": reason, "exitCode": code}}
    clock = from_then_on(house, house.serve(NEW, "1.1.0"), 9, restarts=1, last=last)
    assert watched(clock) is End.BAD
    assert house.rollbacks() != []


def test_a_power_cut_before_the_watch_is_none_of_its_business(house: House) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER, restarts=3, last=LOST)]
    assert watched(house.serve(NEW, "1.1.0")) is End.GOOD


@pytest.mark.parametrize(
    ("made", "end"),
    [
        pytest.param("2026-11-21T11:01:00Z", End.UNDECIDED, id="this-watch"),
        pytest.param("2026-11-21T10:59:00Z", End.GOOD, id="before-the-version"),
    ],
)
def test_a_guard_that_went_down_with_its_node_leaves_the_version(
    house: House, capsys: pytest.CaptureFixture[str], made: str, end: End
) -> None:
    """Its Job has another pod then, which has no time for a whole watch."""
    house.baseline()
    lost = job_pod(job("dock-guard", "guard", made=made), phase="Failed")
    house.cluster.objects["pods"].append(lost)
    assert watched(house.serve(NEW, "1.1.0"), in_cluster=True, rollback=False) is end
    said = told(capsys.readouterr().out)
    assert ("dock-guard-x2x4z: ended before its verdict" in said["why"]) == (end is End.UNDECIDED)
    assert house.verdict()["outcome"] == end.value
