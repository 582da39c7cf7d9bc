"""`edgectl status` of a release whose hook Jobs hang or have failed, and of one that was scaled to 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgectl_support import Run
from kube_support import Kube, deployment, helm_secret, job, job_pod

pytestmark = pytest.mark.deploy

MADE, BEFORE = "2026-11-21T12:00:00Z", "2026-11-21T11:00:00Z"


def row(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", "--json")[1])["releases"][0]
    return found


def hook(cluster: Kube, found: dict[str, Any], **pods: Any) -> str:
    """Add a hook Job with its pod; return the pod's name."""
    own = job_pod(found, **pods)
    cluster.objects.setdefault("jobs", []).append(found)
    cluster.objects["pods"].append(own)
    name: str = own["metadata"]["name"]
    return name


def test_a_hook_that_hangs_is_trouble(cluster: Kube, run: Run) -> None:
    name = hook(cluster, job("dock-guard-baseline", "guard", made=MADE), phase="Pending", waiting="ErrImagePull")
    cluster.objects["secrets"].append(helm_secret(4, "pending-upgrade"))
    code, out, _ = run("status")
    assert code == 1
    assert f"dock: {name}: ErrImagePull" in out and "4 pending-upgrade" in out


@pytest.mark.parametrize("waiting", ["", "ContainerCreating", "PodInitializing"])
def test_a_hook_that_runs_or_begins_is_none(cluster: Kube, run: Run, waiting: str) -> None:
    hook(cluster, job("dock-preflight", "preflight", made=MADE), phase="Running", waiting=waiting)
    assert run("status")[0] == 0


def test_a_hook_that_finds_no_place_is_trouble(cluster: Kube, run: Run) -> None:
    hook(cluster, job("dock-preflight", "preflight", made=MADE), phase="Pending")
    found = cluster.objects["pods"][-1]["status"]
    found |= {
        "containerStatuses": [],
        "conditions": [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}],
    }
    assert row(run)["trouble"] == ["dock-preflight-x2x4z: Insufficient memory"]


def test_a_preflight_that_refused_has_decided(cluster: Kube, run: Run) -> None:
    found = job(
        "dock-preflight", "preflight", made=MADE, version="1.1.0", failed="has reached the specified backoff limit"
    )
    name = hook(cluster, found, phase="Failed")
    code, out, _ = run("status")
    # The version that runs is well all the same.
    assert (code, "preflight refused 1.1.0" in out) == (0, True)
    assert "dock: preflight refused 1.1.0: has reached the specified backoff limit" in out
    cluster.logs[name] = "edge-inference: sample 3: want crate, found drum\n"
    rollout = row(run)["rollout"]
    assert (rollout["outcome"], rollout["by"], rollout["version"]) == ("refused", "preflight", "1.1.0")
    assert rollout["why"] == "edge-inference: sample 3: want crate, found drum"


def test_a_baseline_that_failed_has_decided(cluster: Kube, run: Run) -> None:
    hook(cluster, job("dock-guard-baseline", "guard", made=MADE, failed="was active longer"), phase="Failed")
    assert "dock: baseline refused the upgrade: was active longer" in run("status")[1]


@pytest.mark.parametrize(("made", "outcome"), [(MADE, "refused"), (BEFORE, "bad")])
def test_what_came_last_has_decided(cluster: Kube, run: Run, made: str, outcome: str) -> None:
    """A guard that finds a version bad writes so and fails: the verdict is the later one."""
    hook(cluster, job("dock-guard", "guard", made=made, failed="backoff"), phase="Failed")
    decided = {
        "version": "1.1.0", "before": "1.0.0", "outcome": "bad", "why": "errors", "done": "left to Helm",
        "at": "2026-11-21T11:30:00Z", "template": "bbbbbbbbb",
    }  # fmt: skip
    meta = {"name": "dock-rollout-baseline", "namespace": "edge"}
    cluster.objects["configmaps"] = [{"metadata": meta, "data": {"verdict.json": json.dumps(decided)}}]
    assert row(run)["rollout"]["outcome"] == outcome


def test_a_first_install_that_hangs_is_shown(cluster: Kube, run: Run) -> None:
    cluster.objects |= {"deployments": [], "pods": [], "secrets": [helm_secret(1, "pending-install")]}
    hook(
        cluster, job("dock-preflight", "preflight", made=MADE, version="1.0.0"), phase="Pending", waiting="ErrImagePull"
    )
    found = row(run)
    assert (found["release"], found["version"], found["ready"], found["wanted"]) == ("dock", "1.0.0", 0, 1)
    assert "dock-preflight-x2x4z: ErrImagePull" in found["trouble"]
    # What an uninstall left behind is no release.
    cluster.objects["secrets"] = []
    assert run("status")[0] == 2


def test_without_permission_for_jobs_the_rest_is_shown(cluster: Kube, run: Run) -> None:
    cluster.refused.add("list jobs")
    code, out, _ = run("status")
    assert code == 0 and "hooks are not known: no permission to list jobs in namespace edge" in out


def scale_to_nothing(cluster: Kube) -> None:
    gone = deployment(replicas=0, ready=0)
    gone["spec"]["template"] = {"metadata": {"labels": {"edge-serve/model-version": "1.0.0"}}}
    cluster.objects |= {"deployments": [gone], "pods": []}


def test_a_release_that_was_scaled_to_0_is_unhealthy(cluster: Kube, run: Run) -> None:
    scale_to_nothing(cluster)
    code, out, _ = run("status")
    assert code == 1 and "dock: scaled to 0" in out
    found = row(run)
    assert (found["version"], found["trouble"]) == ("1.0.0", ["scaled to 0"])


@pytest.mark.parametrize("command", ["logs dock", "rollout watch dock --no-rollback", "rollout baseline dock"])
def test_other_commands_say_so_too(cluster: Kube, run: Run, command: str) -> None:
    scale_to_nothing(cluster)
    assert run(*command.split()) == (2, "", "edgectl: dock: scaled to 0, no pods in namespace edge\n")


@pytest.mark.parametrize("command", ["status", "logs dock", "events dock", "rollout watch dock --no-rollback"])
def test_a_namespace_that_is_none_is_told(cluster: Kube, run: Run, command: str) -> None:
    cluster.objects |= {"deployments": [], "pods": []}
    code, out, err = run(*command.split(), "-n", "nope")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "edgectl: there is no namespace nope; -n names another" in err
    # Who may not see namespaces hears of none.
    cluster.refused.add("get namespaces")
    assert "nope" in (err := run(*command.split(), "-n", "nope")[2]) and "there is no namespace" not in err


def test_a_release_without_a_candidate_has_none(cluster: Kube, run: Run) -> None:
    hook(cluster, job("dock-guard", "guard", made=MADE), phase="Failed")
    told = "edgectl: dock: no candidate, which candidate.enabled=true adds, in namespace edge\n"
    assert run("rollout", "watch", "dock", "--candidate") == (2, "", told)


def test_a_deployment_that_gets_no_pods_is_told(cluster: Kube, run: Run) -> None:
    cluster.objects["pods"] = [job_pod(job("dock-guard", "guard", made=MADE), phase="Failed")]
    assert "dock: no pods of its services, only of guard, in namespace edge" in run("logs", "dock")[2]
