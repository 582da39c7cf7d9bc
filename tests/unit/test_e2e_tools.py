"""What the end-to-end tests rest on, as far as it can be held to without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from e2e.clients import PROGRAM, failures, percentiles, rate
from e2e.cluster import NAMESPACE, Cluster, find_cluster
from e2e.namespace import free_volumes
from served import QuietHandler, serving

BUNDLE = Path(__file__).parents[2] / "models" / "pump-failure"
KUBECTL = """#!/bin/sh
echo "$@" >> {said}
cat {volumes}
"""


def line(**more: Any) -> dict[str, Any]:
    return {"at_s": 0.0, "answers": {}, "failures": {}, "times_ms": [], **more}


def test_percentiles_are_of_all_answers_and_not_of_each_second() -> None:
    lines = [line(times_ms=[1.0] * 98), line(times_ms=[50.0, 60.0])]
    assert percentiles(lines, 0.5, 0.98, 0.99) == [1.0, 50.0, 60.0]


def test_the_rate_is_of_the_whole_window() -> None:
    lines = [line(at_s=1.0, answers={"1": 99}), line(at_s=2.0, answers={"1": 10}), line(at_s=4.0, answers={"2": 20})]
    assert rate(lines) == 10.0


def test_failures_of_all_seconds_add_up() -> None:
    assert failures([line(failures={"503": 1}), line(), line(failures={"503": 2, "reset": 1})]) == {
        "503": 3,
        "reset": 1,
    }


class Strange(QuietHandler):
    """Answers every question with JSON that no inference service would send."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def test_a_client_that_dies_is_a_failed_request() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    words = [sys.executable, str(PROGRAM), f"http://127.0.0.1:{server.server_address[1]}", str(BUNDLE), "1"]
    with (
        serving(server, threading.Event()),
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as clients,
    ):
        assert clients.stdout is not None
        first = json.loads(clients.stdout.readline())
        clients.kill()
        _, errors = clients.communicate(timeout=10)
    assert [kind for kind in failures([first]) if kind.startswith("a client died: KeyError")], errors


def test_without_a_registry_another_cluster_is_not_tested_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB", "/nowhere")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/either")
    monkeypatch.delenv("REGISTRY", raising=False)
    assert str(find_cluster()).startswith("want REGISTRY: ")


def volume(name: str, folder: Path, phase: str, namespace: str) -> dict[str, Any]:
    folder.mkdir()
    (folder / "spool").mkdir()
    (folder / "spool" / "old.events").write_text("old")
    spec = {"local": {"path": str(folder)}, "claimRef": {"namespace": namespace, "name": "cameras"}}
    return {"metadata": {"name": name}, "spec": spec, "status": {"phase": phase}}


def test_volumes_of_an_earlier_run_are_emptied_and_freed_and_no_others(tmp_path: Path) -> None:
    volumes = [
        volume("ours", tmp_path / "1", "Released", NAMESPACE),
        volume("in-use", tmp_path / "2", "Bound", NAMESPACE),
        volume("theirs", tmp_path / "3", "Released", "edge"),
    ]
    (tmp_path / "volumes.json").write_text(json.dumps({"items": volumes}))
    said, kubectl = tmp_path / "said", tmp_path / "kubectl"
    kubectl.write_text(KUBECTL.format(said=said, volumes=tmp_path / "volumes.json"))
    kubectl.chmod(0o755)
    lab = Cluster({"PATH": f"{tmp_path}:/usr/bin:/bin"}, lab=tmp_path / "lab")
    assert free_volumes(lab) == ["ours"]
    assert [each.split()[:3] for each in said.read_text().splitlines()[1:]] == [["patch", "persistentvolume", "ours"]]
    assert [list((tmp_path / number).iterdir()) == [] for number in "123"] == [True, False, False]
    assert free_volumes(Cluster({"PATH": str(tmp_path)})) == [], "another cluster has its provisioner"
