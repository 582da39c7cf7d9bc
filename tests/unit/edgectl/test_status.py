"""`edgectl status` against an API server; pods say what the services' own code writes."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edge_camera.metrics import Metrics
from edgectl_support import Run
from kube_support import POD, Kube, deployment, exposition, helm_secret, pod, recorder


def row(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", "--json")[1])["releases"][0]
    return found


def test_a_healthy_release(cluster: Kube, run: Run) -> None:
    code, out, err = run("status")
    assert (code, err) == (0, "")
    assert all(word in out for word in ("dock", "1.0.0", "312e302e30", "1/1", "80/256", "3 deployed"))
    found = row(run)
    assert (found["model"], found["ready"], found["wanted"], found["trouble"]) == ("dock", 1, 1, [])
    assert found["use"]["cpu_limit"] == 0.5


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}, "ImagePullBackOff", id="waiting"),
        pytest.param(
            {"restarts": 2, "last": {"terminated": {"reason": "OOMKilled", "finishedAt": "NOW"}}}, "OOMKilled", id="restarted"
        ),
    ],
)  # fmt: skip
def test_what_is_unhealthy_is_told(cluster: Kube, run: Run, change: dict[str, Any], text: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.objects["pods"] = [json.loads(json.dumps(pod(POD, **change)).replace("NOW", now))]
    code, out, _ = run("status")
    assert code == 1
    assert text in out


def test_a_failed_self_check_a_failed_revision_and_silence_are_unhealthy(cluster: Kube, run: Run) -> None:
    counted = recorder()
    counted.selfcheck_failures = 1
    cluster.metrics[POD] = exposition(counted)
    assert row(run)["trouble"] == ["its self-check failed"]
    cluster.objects["secrets"].append(helm_secret(4, "failed"))
    assert row(run)["trouble"][-1] == "revision 4 failed"
    cluster.metrics.clear()
    assert "no metrics: " in row(run)["trouble"][0]


def test_what_decided_the_last_rollout(cluster: Kube, run: Run) -> None:
    decided = {
        "version": "1.0.0", "before": "0.9.0", "outcome": "bad", "why": "errors", "done": "nothing",
        "at": "2026-11-21T10:10:00Z", "template": "aaaaaaaaa",
    }  # fmt: skip
    meta = {"name": "dock-rollout-baseline", "namespace": "edge"}
    book = {"metadata": meta, "data": {"verdict.json": json.dumps(decided)}}
    cluster.objects["configmaps"] = [book]
    assert row(run)["trouble"] == ["the watch found it bad: errors"]
    # Of a version that was rolled back: no trouble, but why the release is where it is.
    book["data"] = {"verdict.json": json.dumps(decided | {"template": "bbbbbbbbb", "version": "1.1.0"})}
    assert row(run)["trouble"] == []
    assert "1.1.0 was bad" in run("status")[1]


def test_without_permission_for_secrets_the_rest_is_shown(cluster: Kube, run: Run) -> None:
    cluster.refused.add("list secrets")
    code, out, _ = run("status")
    assert code == 0
    assert "rollouts are not known: no permission to list secrets in namespace edge" in out


def test_cameras_are_rows_of_their_own(cluster: Kube, run: Run) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, ["gate", "yard"], [])
    metrics.state.labels("gate", "ok").set(1)
    metrics.state.labels("yard", "down").set(1)
    name = "cameras-bbbbbbbbb-22222"
    cluster.objects["deployments"].append(deployment("cameras", component="camera-ingest"))
    cluster.objects["pods"].append(pod(name, "cameras", component="camera-ingest"))
    cluster.metrics[name] = generate_latest(registry).decode()
    code, out, _ = run("status")
    assert code == 1
    assert "cameras: camera yard: down" in out and "gate" in out


def test_what_is_no_api_server_is_one_line(cluster: Kube, run: Run) -> None:
    cluster.objects["deployments"][0]["spec"] = "text"
    code, _, err = run("status")
    assert (code, err.count("\n")) == (2, 1) and "want what Kubernetes answers" in err


def test_what_watches_the_services_is_none_of_them(cluster: Kube, run: Run) -> None:
    """edge-monitoring is part of edge-serve, and its pods have no metrics of a service."""
    shown = pod("watch-grafana-ccccccccc-33333", "watch", component="grafana")
    shown["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 3000}]
    cluster.objects["pods"].append(shown)
    cluster.objects["deployments"].append(deployment("watch", component="grafana"))
    code, out, err = run("status")
    assert (code, err) == (0, "")
    assert "watch" not in out
    cluster.objects["deployments"] = cluster.objects["deployments"][1:]
    code, _, err = run("status")
    assert (code, err.count("\n")) == (2, 1)
    assert "no release of edge-inference or camera-ingest in namespace edge; -n names another" in err


def test_a_release_with_another_name_label_is_shown(cluster: Kube, run: Run) -> None:
    """`nameOverride` changes app.kubernetes.io/name."""
    for each in (*cluster.objects["deployments"], *cluster.objects["pods"]):
        each["metadata"]["labels"]["app.kubernetes.io/name"] = "belts"
    assert row(run)["release"] == "dock"


def test_a_pod_without_a_metrics_port_is_asked_for_none(cluster: Kube, run: Run) -> None:
    del cluster.objects["pods"][0]["spec"]["containers"][0]["ports"]
    assert run("status")[0] == 0
    assert "get pods/proxy" not in cluster.asked


def test_a_verdict_that_cannot_be_read_is_a_note(cluster: Kube, run: Run) -> None:
    meta = {"name": "dock-rollout-baseline", "namespace": "edge"}
    cluster.objects["configmaps"] = [{"metadata": meta, "data": {"verdict.json": "{"}}]
    cluster.objects["deployments"].append(deployment("yard"))
    code, out, err = run("status")
    assert (code, err) == (0, "")
    assert "dock: its verdict is not known: configmaps dock-rollout-baseline in namespace edge: verdict.json: " in out
    # The other release's is asked for nevertheless.
    assert cluster.asked.count("get configmaps") == 4


def test_json_again_and_again_is_a_line_each_time(cluster: Kube, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    really = time.sleep

    def sleep(seconds: float) -> None:
        # Servers of other tests have threads that rest, too.
        if threading.current_thread() is not threading.main_thread():
            really(seconds)
            return
        slept.append(seconds)
        cluster.away = len(slept) == 3
        if len(slept) > 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    code, out, err = run("status", "--json", "--watch")
    rounds = [json.loads(line) for line in out.splitlines()]
    # What cannot be seen is not well, whatever it was.
    assert (code, err, slept) == (1, "", [2.0] * 4)
    assert [each["healthy"] for each in rounds] == [True, True, False]
    looks = [datetime.fromisoformat(each["at"]) for each in rounds]
    assert looks[0] <= looks[1] == looks[2] and looks[0].tzinfo is not None
    assert [each["releases"][0]["release"] for each in rounds] == ["dock"] * 3
    assert [bool(each["notes"]) for each in rounds] == [False, False, True]
