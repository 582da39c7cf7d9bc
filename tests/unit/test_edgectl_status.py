"""`edgectl status`, `logs` and `events` against an API server; pods say what the services' own code writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edge_camera.metrics import Metrics
from edgectl.cluster.buckets import bracket
from edgectl.cluster.scrape import NoMetrics, Samples
from edgectl.main import main
from edgectl.status.events import owner_of
from edgectl.status.quantity import ago, quantity
from edgectl.status.rates import History
from kube_support import Kube, calls, deployment, exposition, helm_secret, kube, kubeconfig, pod, recorder

POD = "dock-aaaaaaaaa-11111"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kube]:
    """A release that is well."""
    with kube() as running:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", running.port)))
        monkeypatch.setattr("time.sleep", lambda _: None)
        counted = recorder()
        calls(counted, 40)
        running.objects = {
            "deployments": [deployment()], "pods": [pod(POD)], "secrets": [helm_secret(3, "deployed")],
        }  # fmt: skip
        running.metrics[POD] = exposition(counted, cpu_s=1.0, rss=80 * 2**20)
        yield running


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgectl", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code if isinstance(left.value.code, int) else 0, out, err

    return run


def row(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call("status", "--json")[1])["releases"][0]
    return found


def test_a_healthy_release(cluster: Kube, call: Call) -> None:
    code, out, err = call("status")
    assert (code, err) == (0, "")
    assert all(word in out for word in ("dock", "1.0.0", "312e302e30", "1/1", "80/256", "3 deployed"))
    found = row(call)
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
def test_what_is_unhealthy_is_told(cluster: Kube, call: Call, change: dict[str, Any], text: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    cluster.objects["pods"] = [json.loads(json.dumps(pod(POD, **change)).replace("NOW", now))]
    code, out, _ = call("status")
    assert code == 1
    assert text in out


def test_a_failed_self_check_a_failed_revision_and_silence_are_unhealthy(cluster: Kube, call: Call) -> None:
    counted = recorder()
    counted.selfcheck_failures = 1
    cluster.metrics[POD] = exposition(counted)
    assert row(call)["trouble"] == ["its self-check failed"]
    cluster.objects["secrets"].append(helm_secret(4, "failed"))
    assert row(call)["trouble"][-1] == "revision 4 failed"
    cluster.metrics.clear()
    assert "no metrics: " in row(call)["trouble"][0]


def test_what_decided_the_last_rollout(cluster: Kube, call: Call) -> None:
    decided = {
        "version": "1.0.0", "before": "0.9.0", "outcome": "bad", "why": "errors", "done": "nothing",
        "at": "2026-11-21T10:10:00Z", "template": "aaaaaaaaa",
    }  # fmt: skip
    meta = {"name": "dock-rollout-baseline", "namespace": "edge"}
    book = {"metadata": meta, "data": {"verdict.json": json.dumps(decided)}}
    cluster.objects["configmaps"] = [book]
    assert row(call)["trouble"] == ["the watch found it bad: errors"]
    # Of a version that was rolled back: no trouble, but why the release is where it is.
    book["data"] = {"verdict.json": json.dumps(decided | {"template": "bbbbbbbbb", "version": "1.1.0"})}
    assert row(call)["trouble"] == []
    assert "1.1.0 was bad" in call("status")[1]


def test_without_permission_for_secrets_the_rest_is_shown(cluster: Kube, call: Call) -> None:
    cluster.refused.add("list secrets")
    code, out, _ = call("status")
    assert code == 0
    assert "rollouts are not known: no permission to list secrets in namespace edge" in out


def test_cameras_are_rows_of_their_own(cluster: Kube, call: Call) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, ["gate", "yard"], [])
    metrics.state.labels("gate", "ok").set(1)
    metrics.state.labels("yard", "down").set(1)
    name = "cameras-bbbbbbbbb-22222"
    cluster.objects["deployments"].append(deployment("cameras", component="camera"))
    cluster.objects["pods"].append(pod(name, "cameras", component="camera"))
    cluster.metrics[name] = generate_latest(registry).decode()
    code, out, _ = call("status")
    assert code == 1
    assert "cameras: camera yard: down" in out and "gate" in out


@pytest.mark.parametrize("command", [["status"], ["logs", "dok"], ["events", "dok"]])
def test_nothing_there_is_one_line(cluster: Kube, call: Call, command: list[str]) -> None:
    if command == ["status"]:
        cluster.objects.clear()
    code, out, err = call(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "did you mean dock?" in err or "-A shows all" in err


def test_an_api_server_that_is_away_and_no_kubeconfig(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", 9)))
    code, _, err = call("status")
    assert (code, err.count("\n")) == (2, 1)
    assert "http://127.0.0.1:9: cannot reach the API server: " in err
    code, _, err = call("status", "--context", "there")
    assert (code, err) == (2, "edgectl: --context there: want one of here\n")
    for name, text in (("none", ""), ("list", "[1, 2"), ("other", "a: 1"), ("bytes", "\x00")):
        file = tmp_path / name
        if text:
            file.write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(file))
        code, _, err = call("status")
        assert (code, err.count("\n")) == (2, 1) and err.startswith("edgectl: kubeconfig: "), name


def test_what_is_no_api_server_is_one_line(cluster: Kube, call: Call) -> None:
    cluster.objects["deployments"][0]["spec"] = "text"
    code, _, err = call("status")
    assert (code, err.count("\n")) == (2, 1) and "want what Kubernetes answers" in err


def test_logs(cluster: Kube, call: Call) -> None:
    cluster.logs[POD] = "one\ntwo\nthree\n"
    cluster.logs[f"{POD} previous"] = "killed\n"
    assert call("logs", "dock", "--tail", "2") == (0, "two\nthree\n", "")
    assert call("logs", "dock", "--previous") == (0, "killed\n", "")
    assert call("logs", "dock", "--follow") == (0, "one\ntwo\nthree\n", "")
    second = "dock-aaaaaaaaa-22222"
    cluster.objects["pods"].append(pod(second))
    cluster.logs[second] = "four"
    assert call("logs", "dock", "--tail", "1") == (0, f"{POD}: three\n{second}: four\n", "")
    del cluster.logs[f"{POD} previous"]
    code, _, err = call("logs", "dock", "--previous")
    assert (code, err.count("\n")) == (2, 1) and "previous terminated container" in err


def test_events(cluster: Kube, call: Call) -> None:
    def event(name: str, reason: str, minutes: int) -> dict[str, Any]:
        at = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"name": reason, "namespace": "edge"}
        owner = {"kind": "Pod", "name": name}
        return {"metadata": meta, "involvedObject": owner, "reason": reason, "message": "m", "lastTimestamp": at}

    cluster.objects["events"] = [event(POD, "Killing", 2), event(POD, "Pulled", 9), event("dockyard-1", "Other", 1)]
    code, out, _ = call("events", "dock")
    assert code == 0
    assert out.index("Pulled") < out.index("Killing") and "Other" not in out


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("dock", "dock"), ("dock-6d4f8bcdf7", "dock"), ("dock-6d4f8bcdf7-x2x4z", "dock"), ("dock-preflight-x2x4z", "dock"),
        ("dock-candidate-preflight", "dock"), ("dock-east-6d4f8bcdf7", "dock-east"), ("dock-broker-config-map", ""), ("sea", ""),
    ],
)  # fmt: skip
def test_whose_event_it_is(name: str, owner: str) -> None:
    owners = {"dock": "dock", "dock-candidate": "dock", "dock-east": "dock-east"}
    assert owner_of(name, owners) == owner


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("256Mi", 268435456.0), ("1", 1.0), ("1.5G", 1.5e9), ("", None), ("1x", None)]
)
def test_quantities(text: str, value: float | None) -> None:
    assert quantity(text) == value


def test_times_are_told_shortly() -> None:
    assert [ago(5), ago(120), ago(7200), ago(200000)] == ["5s", "2m", "2h", "2d"]


def test_the_bucket_of_p95() -> None:
    assert bracket({"0.01": 95, "0.025": 5, "+Inf": 0}) == "0-10 ms"
    assert bracket({"0.01": 94, "0.025": 6, "+Inf": 0}) == "10-25 ms"
    assert bracket({"0.01": 0, "+Inf": 1}) == "over 10 ms"
    assert bracket({"0.01": 0, "+Inf": 0}) == "-"


def test_a_process_that_began_anew_has_counted_from_zero() -> None:
    history = History()
    for at, count in ((0.0, 100), (10.0, 20)):
        history.add(at, {"a": Samples(f"# TYPE c counter\nc_total {count}\n")})
    span = history.span("a")
    assert span is not None and span.rate("c_total") == 2.0
    history.add(20.0, {})
    assert history.span("a") is None


def test_what_is_no_metrics_is_refused() -> None:
    with pytest.raises(NoMetrics):
        Samples("<html>\n")


def test_help_waits_for_no_library_of_the_cluster() -> None:
    for command in (["--help"], ["rollout", "watch", "--help"], ["status", "--help"]):
        code = (
            f"import sys; sys.argv = ['edgectl', *{command!r}]\n"
            "from edgectl.main import main\n"
            "try: main()\n"
            "except SystemExit: pass\n"
            "print([name for name in ('kubernetes', 'urllib3', 'msgspec', 'prometheus_client') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
        assert "Example" in done.stdout or command == ["--help"]
