"""`edgectl rollout watch` against an API server: the services' own metrics, a clock that waits for nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_common.errors import StartError
from edgectl.rollout.bounds import Bounds
from edgectl.rollout.run import Wanted, run_baseline, run_watch
from kube_support import Kube, calls, exposition, helm_secret, kube, kubeconfig, pod, recorder

OLD, NEW = "dock-aaaaaaaaa-11111", "dock-bbbbbbbbb-22222"
AFTER = "2026-11-21T11:00:00Z"


@dataclass(slots=True)
class Ticks:
    """A clock whose time passes by waiting; `then` is what happens meanwhile."""

    then: Callable[[float], None]
    time: float = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        if seconds > 0:
            self.time += seconds
            self.then(self.time)


@dataclass(slots=True)
class House:
    """One release: the version before has run, the new one does."""

    cluster: Kube
    helm_calls: Path
    cpu: dict[str, float] = field(default_factory=dict)

    def serve(self, name: str, version: str, *, ms: float = 4.0, cpu_ms: float = 4.0, each: int = 60, failed: int = 0,
              score: float = 0.85, label: str = "") -> Ticks:  # fmt: skip
        """Return a clock with whose ticks the pod answers calls."""
        counted = recorder(version)

        def tick(_: float) -> None:
            calls(counted, each, ms=ms, failed=failed, score=score, label=label)
            self.cpu[name] = self.cpu.get(name, 0.0) + each * cpu_ms / 1000
            self.cluster.metrics[name] = exposition(counted, cpu_s=self.cpu[name])

        tick(0.0)
        return Ticks(tick)

    def baseline(self) -> None:
        """Record how 1.0.0 does, and upgrade."""
        self.cluster.objects["pods"] = [pod(OLD)]
        run_baseline("dock", namespace="", context="", in_cluster=False, seconds=20.0, if_any=False,
                     clock=self.serve(OLD, "1.0.0"))  # fmt: skip
        self.cluster.objects["pods"] = [pod(NEW, version="1.1.0", made=AFTER)]

    def rollbacks(self) -> list[str]:
        return self.helm_calls.read_text().splitlines() if self.helm_calls.exists() else []

    def verdict(self) -> dict[str, str]:
        book = self.cluster.find("configmaps", "dock-rollout-baseline")
        found: dict[str, str] = json.loads(book["data"]["verdict.json"]) if book else {}
        return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    helm.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path / "helm"}\n')
    helm.chmod(helm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(helm.parent), prepend=":")
    with kube() as cluster:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", cluster.port)))
        cluster.objects["secrets"] = [
            helm_secret(1, "superseded"),
            helm_secret(2, "failed"),
            helm_secret(3, "deployed"),
        ]
        yield House(cluster, tmp_path / "helm")


def wanted(**other: object) -> Wanted:
    given: dict[str, object] = {
        "release": "dock", "namespace": "", "context": "", "in_cluster": False, "candidate": False, "seconds": 20.0,
        "rollback": True, "to": None, "bounds": Bounds(), "as_json": True,
    }  # fmt: skip
    return Wanted(**(given | other))  # type: ignore[arg-type]


def rows(text: str) -> dict[str, str]:
    return {row["what"]: row["state"] for row in json.loads(text.splitlines()[-1])["rows"]}


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


def test_without_rollback_nothing_is_done(house: House) -> None:
    house.baseline()
    assert run_watch(wanted(rollback=False), house.serve(NEW, "1.1.0", failed=50)) == "bad"
    assert house.rollbacks() == []
    assert house.verdict()["done"] == "nothing"


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


def test_nothing_was_rolled_out(house: House) -> None:
    house.baseline()
    house.cluster.objects["pods"] = [pod(OLD)]
    clock = Ticks(lambda _: None)
    assert run_watch(wanted(), clock) == "good"
    assert clock.time == 0


def test_a_first_install_has_no_baseline_and_may_go_on(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.cluster.objects["pods"] = [pod(OLD, ready=False)]
    clock = Ticks(lambda _: None)
    run_baseline("dock", namespace="", context="", in_cluster=False, seconds=20.0, if_any=True, clock=clock)
    assert "no metrics yet" in capsys.readouterr().err
    assert house.cluster.find("configmaps", "dock-rollout-baseline") is None


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
        pytest.param(_no_pods, "dock: no release of edge-serve in namespace edge has this name; did you mean dockyard?", id="release"),
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


def test_helm_has_to_be_there_before_anything_is_watched(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.cluster.objects["pods"] = [pod(NEW, version="1.1.0")]
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StartError, match="helm is not on PATH"):
        run_watch(wanted(), Ticks(lambda _: None))


def test_a_rollback_that_fails_is_told(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    helm = house.helm_calls.parent / "bin" / "helm"
    helm.write_text("#!/bin/sh\necho 'Error: another operation is in progress' >&2\nexit 1\n")
    house.baseline()
    assert run_watch(wanted(), house.serve(NEW, "1.1.0", failed=60)) == "bad"
    err = capsys.readouterr().err
    assert "edgectl: helm rollback dock 1: exit code 1: Error: another operation is in progress" in err
    assert house.verdict()["done"] == "rollback failed"
