"""`edgectl rollout watch` against an API server: the services' own metrics, a clock that waits for nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge_common.errors import StartError
from edgectl.rollout.run import run_watch
from kube_support import pod
from rollout_support import AFTER, NEW, OLD, House, Ticks, rows, wanted
from rollout_support import installed as installed

pytestmark = pytest.mark.deploy


def test_a_good_version_stays(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0")) == "good"
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["version"], told["before"], told["done"]) == ("1.1.0", "1.0.0", "nothing")
    assert told["compared_with"] == "1.0.0: 1200 calls in the time before"
    assert house.rollbacks() == []
    assert (house.verdict()["outcome"], house.verdict()["template"]) == ("good", "bbbbbbbbb")


@pytest.mark.parametrize(
    ("behaviour", "row"),
    [
        pytest.param({"ms": 9.0, "cpu_ms": 9.0}, "mean", id="slower"),
        pytest.param({"failed": 8}, "errors", id="failing"),
        pytest.param({"score": 0.55}, "scores", id="scores"),
        pytest.param({"label": "drum"}, "classes", id="classes"),
    ],
)
def test_a_bad_version_is_rolled_back(
    house: House, capsys: pytest.CaptureFixture[str], behaviour: dict[str, float], row: str
) -> None:
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", **behaviour)) == "bad"  # type: ignore[arg-type]
    assert rows(capsys.readouterr().out)[row] == "bad"
    # Not the failed revision 2, and on the same cluster.
    assert house.rollbacks() == ["rollback dock 1 --namespace edge --wait --timeout=600s --kube-context here"]
    assert house.verdict()["done"] == "rolled back to revision 1"


def test_a_busier_gateway_is_undecided(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", ms=12.0, cpu_ms=4.2)) == "undecided"
    assert "is the gateway busier?" in json.loads(capsys.readouterr().out.splitlines()[-1])["why"]
    assert house.rollbacks() == []


def test_too_little_traffic_is_undecided(house: House) -> None:
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", each=3)) == "undecided"


@pytest.mark.parametrize("bad", [False, True])
def test_without_a_version_before_only_absolute_bounds_hold(
    house: House, capsys: pytest.CaptureFixture[str], bad: bool
) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    clock = house.serve(NEW, "1.1.0", ms=40.0, failed=5 if bad else 0)
    assert run_watch(wanted(), clock) == ("bad" if bad else "good")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["compared_with"].startswith("no baseline was recorded")
    assert rows(json.dumps(told))["mean"] == "open"


def test_pods_of_the_version_before_that_still_run_are_compared_with(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.cluster.objects["pods"] = [pod(OLD), pod(NEW, version="1.1.0", made=AFTER)]
    house.serve(OLD, "1.0.0", each=2000)
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", ms=12.0, cpu_ms=12.0)) == "bad"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["before"] == "1.0.0"


def test_a_candidate_is_held_against_the_stable_version_of_the_same_time(house: House) -> None:
    candidate = pod("dock-candidate-ccccccccc-33333", version="2.0.0", component="candidate")
    house.cluster.objects["pods"] = [pod(OLD), candidate]
    stable, other = house.serve(OLD, "1.0.0"), house.serve("dock-candidate-ccccccccc-33333", "2.0.0", ms=9.0)

    def both(at: float) -> None:
        stable.then(at)
        other.then(at)

    # It takes no more CPU, but at the same time that is no excuse.
    assert run_watch(wanted(candidate=True, rollback=False), Ticks(both)) == "bad"
    assert house.cluster.find("configmaps", "dock-rollout-baseline") is None


def test_a_restart_within_the_window_is_bad(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    clock = house.serve(NEW, "1.1.0")
    serve = clock.then

    def killed(at: float) -> None:
        serve(at)
        if at > 9:
            last = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
            house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER, restarts=1, last=last)]

    clock.then = killed
    assert run_watch(wanted(), clock) == "bad"
    assert clock.time < 15
    assert "OOMKilled" in json.loads(capsys.readouterr().out.splitlines()[-1])["why"]


def test_a_pod_that_never_gets_ready_is_bad(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER, ready=False, state=waiting)]
    clock = Ticks(lambda _: None)
    assert run_watch(wanted(), clock) == "bad"
    assert clock.time >= 20
    assert "CrashLoopBackOff" in json.loads(capsys.readouterr().out.splitlines()[-1])["why"]


def test_a_pod_that_was_evicted_is_replaced_and_not_waited_for(house: House) -> None:
    house.baseline()
    evicted = pod(NEW, version="1.1.0", made=AFTER, ready=False)
    evicted["metadata"]["name"], evicted["status"]["phase"] = "dock-bbbbbbbbb-99999", "Failed"
    house.cluster.objects["pods"].append(evicted)
    assert run_watch(wanted(), house.serve(NEW, "1.1.0")) == "good"


def _no_pods(house: House) -> None:
    house.cluster.objects["pods"] = [pod("dockyard-aaaaaaaaa-11111", release="dockyard")]


def _may_not_proxy(house: House) -> None:
    house.cluster.refused.add("get pods/proxy")


def _may_not_list(house: House) -> None:
    house.cluster.refused.add("list pods")


def _may_not_see_revisions(house: House) -> None:
    house.cluster.refused.add("list secrets")


def _silent(house: House) -> None:
    house.cluster.metrics.clear()


def _broken_baseline(house: House) -> None:
    meta = {"name": "dock-rollout-baseline", "namespace": "edge"}
    house.cluster.objects["configmaps"] = [{"metadata": meta, "data": {"baseline.json": "{}"}}]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param(_no_pods, "dock is no release of edge-inference in namespace edge; did you mean dockyard?", id="release"),
        pytest.param(_may_not_proxy, "no permission to get pods/proxy dock-bbbbbbbbb-22222:9090 in namespace edge", id="proxy"),
        pytest.param(_may_not_list, "no permission to list pods in namespace edge: want a role that allows it", id="pods"),
        pytest.param(_may_not_see_revisions, "no permission to list secrets in namespace edge", id="secrets"),
        pytest.param(_silent, "dock-bbbbbbbbb-22222: no metrics yet: ", id="silent"),
        pytest.param(_broken_baseline, "baseline.json: Object missing required field `version`", id="baseline"),
    ],
)  # fmt: skip
def test_bad_input_changes_nothing(house: House, change: Callable[[House], None], text: str) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    house.serve(NEW, "1.1.0")
    change(house)
    with pytest.raises(StartError) as fault:
        run_watch(wanted(), Ticks(lambda _: None))
    assert text in str(fault.value) and "\n" not in str(fault.value)
    assert house.rollbacks() == []
    assert not [each for each in house.cluster.asked if each.startswith(("create", "update"))]
