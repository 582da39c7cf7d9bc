"""The Alertmanager configuration: who is told of what, and what a real Alertmanager keeps quiet."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from live import until
from rules_support import ALERTMANAGER, alerts, load, run, tool

Labels = dict[str, str]
HERE = {"gateway": "plant-7", "namespace": "edge"}
THERE = {**HERE, "gateway": "plant-8"}
UPLINK = {"alertname": "EdgeUplinkDown", "severity": "info", "gateway": "plant-7"}
CAMERA = {**HERE, "release": "cameras", "camera": "dock-3"}
MODEL = {**HERE, "release": "belt", "track": "inference"}


def test_amtool_takes_the_configuration() -> None:
    done = run(tool("amtool", "prometheus-alertmanager"), "check-config", ALERTMANAGER)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "people"), ("warning", "people"), ("info", "nobody")])
def test_who_is_told(severity: str, receiver: str) -> None:
    amtool = tool("amtool", "prometheus-alertmanager")
    wanted = f"--verify.receivers={receiver}"
    done = run(amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}", wanted, f"severity={severity}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_message_a_gateway_and_kind_of_trouble() -> None:
    assert load(ALERTMANAGER)["route"]["group_by"] == ["gateway", "alertname"]


def test_nobody_is_told_unless_a_chart_says_whom() -> None:
    assert load(ALERTMANAGER)["receivers"] == [{"name": "people"}, {"name": "nobody"}]


def test_only_alerts_that_exist_are_kept_quiet_or_keep_quiet() -> None:
    named = {
        name
        for rule in load(ALERTMANAGER)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
        for name in matcher.partition('"')[2].rstrip('"').split("|")
    }
    # Those of the operator's own bundle of rules, which a gateway with an operator has.
    others = {"PrometheusRemoteWriteBehind", "PrometheusRemoteStorageFailures", "TargetDown"}
    assert named - others <= {rule["alert"] for rule in alerts()}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real one with the chart's file; yields its URL."""
    program = tool("prometheus-alertmanager", "prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [program, f"--config.file={ALERTMANAGER}", f"--storage.path={folder}", "--cluster.listen-address=",
             f"--web.listen-address={address}"], stderr=stderr,
        )  # fmt: skip
    try:
        until(lambda: _ready(address, process, log), f"Alertmanager is ready: {log.read_text()}")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _ready(address: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return urllib3.request("GET", f"http://{address}/-/ready", retries=False, timeout=1).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _quiet(url: str, case: str, *labels: Labels) -> list[bool]:
    """Tell it of these alerts, and return which of them it keeps quiet."""
    # Each case is a site of its own, so that none inhibits another's.
    told = [{**each, "gateway": f"{each['gateway']}-{case}"} for each in labels]
    # Alerts are looked at in the order they came: when the last one is quiet for the last but one, all have been.
    last = f"{case}-last"
    told += [{**UPLINK, "gateway": last}, {"alertname": "EdgeEventsUndelivered", "gateway": last}]
    ends = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    body = json.dumps([{"labels": each, "endsAt": ends} for each in told]).encode()
    head = {"Content-Type": "application/json"}
    sent = urllib3.request("POST", f"{url}/api/v2/alerts", body=body, headers=head, timeout=5)
    assert sent.status == 200, sent.data

    def now() -> list[bool] | None:
        page: list[dict[str, Any]] = urllib3.request("GET", f"{url}/api/v2/alerts", timeout=5).json()
        known = [(alert["labels"], bool(alert["status"]["inhibitedBy"])) for alert in page]
        found = [next((quiet for its, quiet in known if its == each), False) for each in told]
        return found if found[-1] else None

    found: list[bool] = until(now, f"{case}: the last alert is quiet")
    return found[: len(labels)]


@pytest.mark.parametrize(
    ("source", "target", "quiet"),
    [
        pytest.param(UPLINK, {"alertname": "EdgeEventsUndelivered", "severity": "warning", **CAMERA}, True, id="uplink-undelivered"),
        pytest.param(UPLINK, {"alertname": "EdgeAlertsUndelivered", "severity": "warning", "gateway": "plant-7", "integration": "email"}, True, id="uplink-messages"),
        pytest.param(UPLINK, {"alertname": "EdgeClockOff", "severity": "warning", **HERE, "node": "box"}, True, id="uplink-clock"),
        pytest.param(UPLINK, {"alertname": "PrometheusRemoteWriteBehind", "severity": "critical", **HERE}, True, id="uplink-remote-write"),
        pytest.param(UPLINK, {"alertname": "TargetDown", "severity": "warning", **HERE, "job": "uplink"}, True, id="uplink-cloud-target"),
        pytest.param(UPLINK, {"alertname": "EdgeTargetMissing", "severity": "warning", **MODEL, "job": "edge-inference"}, False, id="uplink-local-target"),
        pytest.param(UPLINK, {"alertname": "EdgeSpoolFilling", "severity": "warning", **CAMERA}, False, id="uplink-spool"),
        pytest.param(UPLINK, {"alertname": "EdgeModelNotReady", "severity": "critical", **MODEL}, False, id="uplink-model"),
        pytest.param(UPLINK, {"alertname": "EdgeEventsUndelivered", "severity": "warning", **THERE}, False, id="another-gateway"),
        pytest.param({"alertname": "EdgeModelSlow", "severity": "critical", **MODEL}, {"alertname": "EdgeModelSlow", "severity": "warning", **MODEL}, True, id="worse-word"),
        pytest.param({"alertname": "EdgeModelSlow", "severity": "critical", **MODEL}, {"alertname": "EdgeModelSlow", "severity": "warning", **MODEL, "release": "pump"}, False, id="another-release"),
        pytest.param({"alertname": "EdgeModelSlow", "severity": "critical", **MODEL}, {"alertname": "EdgeModelFailing", "severity": "warning", **MODEL}, False, id="another-alert"),
        pytest.param({"alertname": "EdgeDiskFull", "severity": "critical", **HERE, "node": "box", "device": "/dev/sda1"}, {"alertname": "EdgeDiskFull", "severity": "warning", **HERE, "node": "box", "device": "/dev/sdb1"}, False, id="another-disk"),
        pytest.param({"alertname": "EdgeModelNotReady", "severity": "critical", **MODEL}, {"alertname": "EdgeRolloutStuck", "severity": "warning", **MODEL, "pod": "belt-1"}, True, id="not-ready-stuck"),
        pytest.param({"alertname": "EdgeCameraBlind", "severity": "critical", **CAMERA}, {"alertname": "EdgeFramesLost", "severity": "warning", **CAMERA}, True, id="blind-lost"),
        pytest.param({"alertname": "EdgeCameraBlind", "severity": "critical", **CAMERA}, {"alertname": "EdgeFramesLost", "severity": "warning", **CAMERA, "camera": "gate"}, False, id="another-camera"),
        pytest.param({"alertname": "EdgeCameraBlind", "severity": "warning", **CAMERA}, {"alertname": "EdgeFramesLost", "severity": "warning", **CAMERA}, False, id="blurred-lost"),
    ],
)  # fmt: skip
def test_what_is_kept_quiet(
    alertmanager: str, request: pytest.FixtureRequest, source: Labels, target: Labels, quiet: bool
) -> None:
    case = request.node.callspec.id
    assert _quiet(alertmanager, case, source, target) == [False, quiet]
