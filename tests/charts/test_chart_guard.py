"""edge-inference: the guard of an upgrade, what it may do, and that edgectl takes the words it is given."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from edge_common.errors import StartError
from edgectl.cluster.objects import INSTANCE
from edgectl.rollout.before import Book
from edgectl.rollout.commands import app
from edgectl.rollout.seconds import seconds_of
from helm_support import CHARTS, at, one, refusal, render, run

pytestmark = pytest.mark.charts
ON: dict[str, Any] = {"guard": {"enabled": True}}
GUARD = "spec.template.spec.containers.0"


def guards(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in manifests if at(each, "metadata.labels").get("app.kubernetes.io/component") == "guard"]


def words(manifests: list[dict[str, Any]], name: str) -> list[str]:
    found: list[str] = at(one(manifests, "Job", name), GUARD)["args"]
    return found


def test_there_is_none_unless_asked_for() -> None:
    assert guards(render("edge-inference")) == []
    kinds = sorted(each["kind"] for each in guards(render("edge-inference", ON)))
    assert kinds == [
        "ConfigMap",
        "Job",
        "Job",
        "NetworkPolicy",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "ServiceAccount",
    ]


def test_all_of_it_is_there_for_an_upgrade_only() -> None:
    for each in guards(render("edge-inference", ON)):
        hooks = set(at(each, "metadata.annotations")["helm.sh/hook"].split(","))
        assert hooks <= {"pre-upgrade", "post-upgrade"}, each["metadata"]["name"]


def test_it_may_list_pods_and_deployments_and_keep_one_config_map() -> None:
    manifests = render("edge-inference", ON, release="belt")
    book = Book(None, "edge", "belt").what.name  # type: ignore[arg-type]
    assert one(manifests, "ConfigMap", book)["data"] == {}
    assert one(manifests, "Role", "belt-guard")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [book], "verbs": ["get", "update"]},
    ]
    job = one(manifests, "Job", "belt-guard")
    assert (
        at(job, "spec.template.spec.serviceAccountName")
        == one(manifests, "ServiceAccount", "belt-guard")["metadata"]["name"]
    )
    assert one(manifests, "RoleBinding", "belt-guard")["subjects"][0]["name"] == "belt-guard"


def test_it_reaches_the_api_server_and_this_releases_metrics() -> None:
    manifests = render("edge-inference", ON, release="belt")
    policy = one(manifests, "NetworkPolicy", "belt-guard")["spec"]
    server, metrics = policy["egress"]
    assert {port["port"] for port in server["ports"]} == {443, 6443}
    assert metrics["ports"] == [{"port": "metrics"}]
    chosen = metrics["to"][0]["podSelector"]["matchLabels"]
    assert chosen[INSTANCE] == "belt" and chosen["app.kubernetes.io/component"] == "inference"
    way_in = one(manifests, "NetworkPolicy", "belt-guard-metrics")["spec"]
    assert way_in["policyTypes"] == ["Ingress"] and way_in["ingress"][0]["ports"] == [{"port": "metrics"}]
    assert guards(render("edge-inference", {**ON, "networkPolicy": {"enabled": False}})) != []


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="default"),
        pytest.param({"maxPsi": None, "failUndecided": True, "for": "1m30s", "baselineFor": "0s", "maxP95Ratio": 2}, id="others"),
    ],
)  # fmt: skip
def test_edgectl_takes_what_the_jobs_say(values: dict[str, Any]) -> None:
    manifests = render("edge-inference", {"guard": {"enabled": True, **values}}, release="belt")
    group: Any = typer.main.get_command(app)
    for name, verb in (("belt-guard-baseline", "baseline"), ("belt-guard", "watch")):
        command, *rest = words(manifests, name)
        assert command == verb
        given = group.commands[verb].make_context(verb, rest).params
        assert (given["release"], given["namespace"], given["in_cluster"]) == ("belt", "edge", True)
        length = seconds_of("--for", given["length"], 0)
        assert length < at(one(manifests, "Job", name), "spec.activeDeadlineSeconds")
    assert given["ignore_scores"] is ("maxPsi" in values)
    assert given["accept_undecided"] is ("failUndecided" not in values)


def test_its_jobs_fit_into_the_time_that_helm_waits_unless_told_otherwise() -> None:
    """The documented command has no --timeout, which is 300 s then; NOTES' own least is half a minute above the longest Job."""
    for name in ("dock-guard", "dock-guard-baseline"):
        assert at(one(render("edge-inference", ON), "Job", name), "spec.activeDeadlineSeconds") <= 300 - 30
    told = ["--set=model.version=1.0.0,guard.enabled=true"]
    done = run("helm", "install", "dock", str(CHARTS / "edge-inference"), "--dry-run=client", *told)
    (least,) = re.findall(r"Helm's --timeout: from (\d+)s on", done.stdout)
    assert int(least) <= 300


def test_a_guard_that_would_be_ended_before_its_verdict_is_refused() -> None:
    text = refusal("edge-inference", {"guard": {"enabled": True, "for": "10m"}})
    assert "guard.activeDeadlineSeconds=270: want guard.for (10m) and half a minute at least" in text
    assert "guard/for" in refusal("edge-inference", {"guard": {"enabled": True, "for": "10 minutes"}})


@pytest.mark.parametrize(
    ("values", "key", "found"),
    [
        pytest.param({"for": "9s"}, "guard.for: want 10s to 24h", "found 9s", id="short"),
        pytest.param({"for": "0m"}, "guard.for: want 10s to 24h", "found 0m", id="none"),
        pytest.param({"for": "24h1s"}, "guard.for: want 10s to 24h", "found 24h1s", id="long"),
        pytest.param({"baselineFor": "1441m"}, "guard.baselineFor: want 0s to 24h", "found 1441m", id="baseline"),
    ],
)
def test_a_length_that_edgectl_refuses_never_becomes_a_job(values: dict[str, Any], key: str, found: str) -> None:
    """A guard that ends with exit code 2 fails as one that found the version bad."""
    (length,) = values.values()
    with pytest.raises(StartError):
        seconds_of("--for", length, 10 if "for" in values else 0)
    guard = {"enabled": True, "activeDeadlineSeconds": 90000, **values}
    text = refusal("edge-inference", {"guard": guard, "progressDeadlineSeconds": 100000})
    assert key in text and found in text


@pytest.mark.parametrize("length", ["11s", "24h", "1440m", "86400s", "08m", "010m"])
def test_a_length_is_as_long_for_the_chart_as_for_edgectl(length: str) -> None:
    wanted = int(seconds_of("--for", length, 10)) + 30
    guard = {"enabled": True, "for": length, "baselineFor": "0s", "activeDeadlineSeconds": wanted}
    rollout = {"progressDeadlineSeconds": 100000}
    assert "--for" in words(render("edge-inference", {"guard": guard, **rollout}), "dock-guard")
    text = refusal("edge-inference", {"guard": {**guard, "activeDeadlineSeconds": wanted - 1}, **rollout})
    assert f"want guard.for ({length}) and half a minute" in text


def test_a_pod_that_went_down_with_its_node_is_no_failed_guard() -> None:
    """Else Helm would go back for a power cut; the second pod finds the first (tests/unit/test_edgectl_rollout_cut.py)."""
    for name in ("belt-guard", "belt-guard-baseline"):
        rules = at(one(render("edge-inference", ON, release="belt"), "Job", name), "spec.podFailurePolicy.rules")
        assert [each["action"] for each in rules] == ["Ignore", "Ignore"]
        assert rules[0]["onExitCodes"] == {"containerName": "guard", "operator": "In", "values": [255]}
        assert rules[1]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
