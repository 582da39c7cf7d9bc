"""`edgectl logs` and `edgectl events` against an API server."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edgectl.status.events import owner_of
from edgectl_support import Run
from kube_support import POD, Kube, pod

SECOND = "dock-aaaaaaaaa-22222"


def test_logs(cluster: Kube, run: Run) -> None:
    cluster.logs[POD] = "one\ntwo\nthree\n"
    cluster.logs[f"{POD} previous"] = "killed\n"
    assert run("logs", "dock", "--tail", "2") == (0, "two\nthree\n", "")
    assert run("logs", "dock", "--previous") == (0, "killed\n", "")
    cluster.objects["pods"].append(pod(SECOND))
    cluster.logs[SECOND] = "four"
    assert run("logs", "dock", "--tail", "1") == (0, f"{POD}: three\n{SECOND}: four\n", "")


@pytest.mark.parametrize("follow", [False, True])
def test_a_pod_without_a_log_does_not_hide_the_others(cluster: Kube, run: Run, follow: bool) -> None:
    more = ["--follow"] if follow else []
    cluster.objects["pods"].append(pod(SECOND))
    cluster.logs[f"{SECOND} previous"] = "killed\n"
    code, out, err = run("logs", "dock", "--previous", *more)
    assert (code, out) == (0, f"{SECOND}: killed\n")
    assert err == f"edgectl: {POD}: no container before the present one: it has not restarted\n"
    cluster.logs.clear()
    code, out, err = run("logs", "dock", "--previous", *more)
    assert (code, out) == (2, "")
    assert sorted(line.split(": ")[1] for line in err.splitlines()) == [POD, SECOND]


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_a_reader_that_leaves_ends_it_quietly(cluster: Kube, follow: list[str]) -> None:
    cluster.logs[POD] = "a line\n" * 100_000
    command = ["from edgectl.main import main; main()", "logs", "dock", "--tail", "100000", *follow]
    with subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"a line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_the_log_of_the_guard(cluster: Kube, run: Run) -> None:
    code, out, err = run("logs", "dock", "--guard")
    assert (code, out) == (2, "")
    assert err == "edgectl: dock: no pod of its guard in namespace edge: only one that failed stays, for a day\n"
    cluster.objects["pods"].append(pod("dock-guard-x2x4z", component="guard"))
    cluster.logs |= {"dock-guard-x2x4z": "bad: errors\n", POD: "one\n"}
    assert run("logs", "dock", "--guard") == (0, "bad: errors\n", "")
    assert run("logs", "dock") == (0, "one\n", "")


@pytest.mark.parametrize("command", ["logs", "events"])
def test_no_such_release_is_one_line(cluster: Kube, run: Run, command: str) -> None:
    code, out, err = run(command, "dok")
    assert (code, out) == (2, "")
    assert err == "edgectl: dok is no release of edge-serve in namespace edge; did you mean dock?\n"


def test_a_release_of_another_chart_is_no_model(cluster: Kube, run: Run) -> None:
    cluster.objects["pods"] += [pod("mon-ddddddddd-44444", "mon", component="prometheus")]
    none = "edgectl: mon is no release of edge-inference in namespace edge; there is dock\n"
    assert run("rollout", "watch", "mon") == (2, "", none)


def test_events(cluster: Kube, run: Run) -> None:
    def event(name: str, reason: str, minutes: int) -> dict[str, Any]:
        at = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"name": reason, "namespace": "edge"}
        owner = {"kind": "Pod", "name": name}
        return {"metadata": meta, "involvedObject": owner, "reason": reason, "message": "m", "lastTimestamp": at}

    cluster.objects["events"] = [event(POD, "Killing", 2), event(POD, "Pulled", 9), event("dockyard-1", "Other", 1)]
    code, out, _ = run("events", "dock")
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
