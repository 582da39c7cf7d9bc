"""What a watch says when it could not see enough: an API server away, pods that do not exist, a guard without eyes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_common.errors import StartError
from edgectl.cluster.connect import connect
from edgectl.cluster.scrape import ThroughApiServer
from edgectl.rollout.run import End, run_baseline, run_watch, watch_release
from kube_support import pod
from rollout_support import AFTER, NEW, OLD, House, Ticks, told, wanted
from rollout_support import installed as installed

pytestmark = pytest.mark.deploy


def watched(clock: Ticks, **other: Any) -> End:
    """Watch over the kubeconfig's way in, also as a guard."""
    api = connect()
    given = {"rollback": False, **other} if other.get("in_cluster") else other
    return watch_release(api, ThroughApiServer(api), wanted(**given), clock)


def test_another_rollout_meanwhile_ends_the_watch(house: House) -> None:
    house.baseline()
    clock = house.serve(NEW, "1.1.0")
    serve = clock.then

    def upgraded(at: float) -> None:
        serve(at)
        newer = pod("dock-ddddddddd-44444", version="1.2.0", made="2026-11-21T12:00:00Z")
        house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER), newer]

    clock.then = upgraded
    assert run_watch(wanted(), clock) == "undecided"
    assert clock.time < 5


def test_an_api_server_that_restarts_is_waited_for(house: House) -> None:
    house.baseline()
    clock = house.serve(NEW, "1.1.0")
    serve = clock.then

    def flicker(at: float) -> None:
        serve(at)
        house.cluster.away = 5 < at < 15

    clock.then = flicker
    assert run_watch(wanted(), clock) == "good"


@pytest.mark.parametrize(("in_cluster", "end"), [(False, End.UNDECIDED), (True, End.GOOD)])
def test_nothing_was_rolled_out(house: House, capsys: pytest.CaptureFixture[str], in_cluster: bool, end: End) -> None:
    """Whoever records after the upgrade by mistake must not hear "good"; a hook runs after every upgrade."""
    house.baseline()
    house.cluster.objects["pods"] = [pod(OLD)]
    house.deployed("1.0.0")
    clock = Ticks(lambda _: None)
    assert watched(clock, in_cluster=in_cluster) is end
    assert "nothing was rolled out since the baseline" in told(capsys.readouterr().out)["why"]
    assert clock.time == 0


@pytest.mark.parametrize("recorded", [True, False], ids=["baseline", "no-baseline"])
@pytest.mark.parametrize("in_cluster", [True, False])
def test_a_version_that_has_no_pods_is_not_judged_by_those_of_the_one_before(
    house: House, capsys: pytest.CaptureFixture[str], in_cluster: bool, recorded: bool
) -> None:
    if recorded:
        house.baseline()
    house.cluster.objects["pods"] = [pod(OLD)]
    house.deployed("1.1.0", updated=0, denied="exceeded quota: gateway")
    clock = house.serve(OLD, "1.0.0")
    assert watched(clock, in_cluster=in_cluster) is End.UNDECIDED
    why = told(capsys.readouterr().out)["why"]
    assert why == "could not judge: dock: the newest version has no pods yet: exceeded quota: gateway"


@pytest.mark.parametrize("observed", [1, 2])
def test_pods_that_kubernetes_is_about_to_make_are_waited_for(house: House, observed: int) -> None:
    """`helm upgrade` without --wait, and the watch in the same second."""
    house.baseline()
    house.cluster.objects["pods"] = [pod(OLD)]
    house.deployed("1.1.0", updated=observed % 2, observed=observed)
    clock = house.serve(NEW, "1.1.0")
    serve = clock.then

    def made(at: float) -> None:
        serve(at)
        if at >= 3:
            house.deployed("1.1.0")
            house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER)]

    clock.then = made
    assert watched(clock) is End.GOOD
    assert house.verdict()["version"] == "1.1.0"


def away(house: House, clock: Ticks, begin: float, end: float) -> Ticks:
    """Let the API server be away for a while."""
    serve = clock.then

    def flicker(at: float) -> None:
        serve(at)
        house.cluster.away = begin <= at < end

    clock.then = flicker
    return clock


@pytest.mark.parametrize("end", [pytest.param(22, id="back-soon"), pytest.param(999, id="for-good")])
@pytest.mark.parametrize(("failed", "outcome"), [(0, End.GOOD), (2, End.BAD)])
def test_an_api_server_that_is_away_at_the_last_look_does_not_take_the_verdict_along(
    house: House, end: float, failed: int, outcome: End
) -> None:
    house.baseline()
    clock = away(house, house.serve(NEW, "1.1.0", failed=failed), 19.5, end)
    assert watched(clock, rollback=False) is outcome


def test_what_was_seen_for_a_moment_only_is_no_good_version(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.baseline()
    clock = away(house, house.serve(NEW, "1.1.0", each=400), 5, 999)
    assert watched(clock) is End.UNDECIDED
    assert told(capsys.readouterr().out)["why"].startswith("not seen to its end: ")


@pytest.mark.parametrize(("end", "outcome"), [(999, End.UNDECIDED), (22, End.BAD)], ids=["for-good", "back-soon"])
def test_a_pod_that_was_not_ready_when_last_seen_is_no_good_version(house: House, end: float, outcome: End) -> None:
    """The last look is tried again for a while, and then has the last word."""
    house.baseline()
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER, ready=False)]
    assert watched(away(house, house.serve(NEW, "1.1.0"), 19.5, end)) is outcome


def _no_permission(house: House) -> None:
    house.cluster.refused.add("list pods")


def _no_metrics(house: House) -> None:
    house.cluster.metrics.clear()


def _broken_baseline(house: House) -> None:
    book = house.cluster.find("configmaps", "dock-rollout-baseline")
    assert book is not None
    book["data"]["baseline.json"] = "{}"


def _away(house: House) -> None:
    house.cluster.away = True


@pytest.mark.parametrize("change", [_no_permission, _no_metrics, _broken_baseline, _away])
def test_a_guard_that_cannot_look_has_not_seen_a_bad_version(
    house: House, capsys: pytest.CaptureFixture[str], change: Callable[[House], None]
) -> None:
    """Helm goes back on any exit code but 0: `--accept-undecided` has to cover this."""
    house.baseline()
    house.serve(NEW, "1.1.0")
    change(house)
    assert watched(Ticks(lambda _: None), in_cluster=True) is End.UNDECIDED
    assert told(capsys.readouterr().out)["why"].startswith("could not judge: ")
    with pytest.raises(StartError):
        watched(Ticks(lambda _: None))


def test_a_guard_that_could_not_judge_leaves_word(house: House) -> None:
    house.baseline()
    assert watched(Ticks(lambda _: None), in_cluster=True) is End.UNDECIDED
    assert house.verdict()["version"] == "1.1.0"
    assert house.verdict()["why"].startswith("could not judge: dock-bbbbbbbbb-22222: no metrics yet")


def test_a_first_install_has_no_baseline_and_may_go_on(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.cluster.objects["pods"] = [pod(OLD, ready=False)]
    clock = Ticks(lambda _: None)
    run_baseline("dock", namespace="", context="", in_cluster=False, seconds=20.0, if_any=True, clock=clock)
    assert "no metrics yet" in capsys.readouterr().err
    assert house.cluster.find("configmaps", "dock-rollout-baseline") is None
