"""edge-monitoring: values that would stop Prometheus or Alertmanager, blind the rules or have no effect are refused, in words."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helm_support import CHARTS, refusal
from monitoring_support import CHART, rendered

pytestmark = pytest.mark.charts
MODES = yaml.safe_load((CHARTS / CHART / "files/modes.yaml").read_text(encoding="utf-8"))
DEFAULTS = yaml.safe_load((CHARTS / CHART / "values.yaml").read_text(encoding="utf-8"))
HOOK = {"name": "people", "webhook_configs": [{"url": "http://10.20.0.5/"}]}
NOBODY = {"name": "nobody"}
WAY = {"hook": {"cidr": "10.20.0.5/32", "port": 443}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"gateway": ""}, "gateway is required", id="no-gateway"),
        pytest.param({"mode": "both"}, "/mode", id="both-modes"),
        pytest.param({"prometheus": {"retention": {"size": "1800MB"}}}, "above three quarters of prometheus.persistence.size=2Gi", id="volume-too-small"),
        pytest.param({"prometheus": {"retention": {"size": "1800Mi"}}}, "/prometheus/retention/size", id="unit"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "https://m.example/w"}}}, "prometheus.remoteWrite: set its cidrs", id="no-way-out"),
        pytest.param({"scrape": {"uplink": {"url": "https://m.example/w"}}}, "scrape.uplink: set its cidrs", id="no-way-to-uplink"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "https://u:p@m.example/w"}}}, "/prometheus/remoteWrite/url", id="password"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "http://10.0.0.1", "username": "x"}}}, "want existingSecret", id="no-secret"),
        pytest.param({"prometheus": {"remoteWrite": {"queue": {"capacity": 100}}}}, "capacity is below maxSamplesPerSend", id="queue"),
        pytest.param({"prometheus": {"image": {"tag": "latest"}}}, "/prometheus/image/tag", id="latest"),
        pytest.param({"alertmanager": {"enabled": False, "config": {"route": {}}}}, "nothing would read it", id="no-alertmanager"),
        pytest.param({"alertmanager": {"existingSecret": "x", "config": {"route": {}}}}, "choose one", id="two-configurations"),
        pytest.param({"externalLabels": {"gateway": "x"}}, "invalid propertyName 'gateway'", id="gateway-twice"),
        pytest.param({"namespaces": []}, "/namespaces", id="nothing-to-scrape"),
        pytest.param({"namespaces": None}, "namespaces is null: want a list", id="null-for-namespaces"),
        pytest.param({"mode": "operator", "namespaces": None}, "namespaces is null: want a list", id="null-with-an-operator"),
        pytest.param({"scrape": {"timeout": "20s"}}, "scrape.timeout=20s is above scrape.interval=15s", id="timeout"),
        pytest.param({"mode": "operator", "scrape": {"timeout": "1m"}}, "scrape.timeout=1m is above scrape.interval=15s", id="timeout-in-minutes"),
        pytest.param({"scrape": {"interval": "10m"}}, "scrape.interval=10m: want 1m or less", id="no-two-samples"),
        pytest.param({"mode": "operator", "scrape": {"interval": "61s"}}, "scrape.interval=61s: want 1m or less", id="no-two-samples-with-an-operator"),
        pytest.param({"rules": {"interval": "5m"}}, "rules.interval=5m: want 1m or less", id="rules-too-rare"),
        pytest.param({"rules": {"runbookUrl": "https://w.example/a: b"}}, "/rules/runbookUrl", id="no-url"),
        pytest.param({"prometheus": {"externalUrl": "https://x.example/a b"}}, "/prometheus/externalUrl", id="space"),
        pytest.param({"prometheus": {"extraArgs": ["--log.level=debug"]}}, "--log.level=debug is set by the chart", id="argument-twice"),
        pytest.param({"alertmanager": {"config": {"receivers": [HOOK]}, "receiverCidrs": WAY}}, 'has people, but a route tells "nobody"', id="nobody-is-missing"),
        pytest.param({"alertmanager": {"config": {"receivers": []}}}, 'has nobody at all, but a route tells "people"', id="no-receiver"),
        pytest.param({"alertmanager": {"config": {"route": {"routes": [{"routes": [{"receiver": "boss"}]}]}}}}, 'a route tells "boss"', id="route-within-a-route"),
        pytest.param({"alertmanager": {"config": {"receivers": [NOBODY, HOOK]}}}, "config.receivers (people) is set, but alertmanager.receiverCidrs is empty", id="receiver-cut-off"),
        pytest.param({"alertmanager": {"existingSecret": "mine"}}, "existingSecret is set, but alertmanager.receiverCidrs is empty", id="secret-cut-off"),
        pytest.param({"scrape": {"intervall": "15s"}}, "'intervall' not allowed", id="typo"),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], told: str) -> None:
    assert told in refusal(CHART, values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"alertmanager": {"config": {"receivers": [NOBODY, HOOK]}, "receiverCidrs": WAY}}, id="way-out"),
        pytest.param({"alertmanager": {"config": {"receivers": [NOBODY, HOOK]}}, "networkPolicy": {"enabled": False}}, id="no-policy"),
        pytest.param({"alertmanager": {"config": {"route": {"group_wait": "1m"}}}}, id="tells-nobody"),
        pytest.param({"scrape": {"interval": "1m", "timeout": "60s"}, "rules": {"interval": "60s"}}, id="longest-intervals"),
        pytest.param({"prometheus": {"extraArgs": ["--enable-feature=memory-snapshot-on-shutdown"]}}, id="argument"),
    ],
)  # fmt: skip
def test_taken(values: dict[str, Any]) -> None:
    assert rendered(values)


def _defaults_of(part: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Sections of values.yaml, those of which one mode reads a part cut down to that part."""
    shared = {"scrape", "rules"}
    return {key: {sub: whole[key][sub] for sub in part[key]} if key in shared else whole[key] for key in part}


@pytest.mark.parametrize("mode", ["standalone", "operator"])
def test_the_defaults_of_a_mode_are_said_twice_alike(mode: str) -> None:
    """files/modes.yaml repeats values.yaml: a default that changes there has to change here."""
    assert MODES[mode] == _defaults_of(MODES[mode], DEFAULTS)


OPERATORS: list[tuple[str, Any]] = [
    ("alertmanager.config", {"route": {"group_wait": "1m"}}),
    ("alertmanager.enabled", False),
    ("alertmanager.externalUrl", "https://x.example"),
    ("alertmanager.receiverCidrs", WAY),
    ("externalLabels", {"site": "x"}),
    ("grafana.enabled", False),
    ("grafana.rootUrl", "https://x.example"),
    ("grafana.service.nodePort", 30300),
    ("grafana.service.type", "NodePort"),
    ("networkPolicy.apiServerCidrs.node", "10.0.0.1/32"),
    ("networkPolicy.enabled", False),
    ("nodeLossTolerationSeconds", 300),
    ("prometheus.extraArgs", ["--x"]),
    ("prometheus.image.tag", "v3.6.0"),
    ("prometheus.persistence.enabled", False),
    ("prometheus.query.maxConcurrency", 4),
    ("prometheus.remoteWrite.url", "http://10.0.0.1/w"),
    ("prometheus.resources.limits.memory", "512Mi"),
    ("prometheus.retention.time", "30d"),
    ("rules.interval", "15s"),
    ("scrape.ports", [9090]),
    ("scrape.uplink.url", "http://10.0.0.1/metrics"),
    ("serviceAccount.create", False),
    ("tolerations", [{"operator": "Exists"}]),
]


def _at(path: str, value: Any) -> dict[str, Any]:
    """The values that `--set path=value` stands for."""
    for key in reversed(path.split(".")):
        value = {key: value}
    found: dict[str, Any] = value
    return found


@pytest.mark.parametrize(("path", "value"), OPERATORS, ids=[path for path, _ in OPERATORS])
def test_an_operator_is_told_nothing_that_it_would_not_hear(path: str, value: Any) -> None:
    assert f"{path} is set, but mode is operator" in refusal(CHART, {"mode": "operator", **_at(path, value)})


@pytest.mark.parametrize(
    ("path", "value"), [("operator.labels", {"release": "x"}), ("operator.dashboardLabel", "board")]
)
def test_nothing_is_told_to_an_operator_that_is_not_there(path: str, value: Any) -> None:
    assert f"{path} is set, but mode is standalone" in refusal(CHART, _at(path, value))


def test_a_default_that_is_written_out_is_no_change() -> None:
    said = {**MODES["standalone"], "scrape": {"ports": [9090, 9091]}, "mode": "operator"}
    assert rendered(said)
