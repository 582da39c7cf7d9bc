"""edge-monitoring: values that would stop Prometheus or Alertmanager, blind the rules or have no effect are refused, in words."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from helm_support import CHARTS, refusal, run
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


def _told(*receivers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"alertmanager": {"config": {"receivers": [NOBODY, *receivers], **more}, "receiverCidrs": WAY}}


def _typo(config: dict[str, Any]) -> dict[str, Any]:
    return {"alertmanager": {"config": config}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"scrape": {"uplink": {"url": "http://10.0.0.1/", "cidrs": {"c": "10.0.0.300/32"}}}}, 'scrape.uplink.cidrs.c: want addresses such as', id="number"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "http://10.0.0.1/", "cidrs": {"c": "10.0.0.1/64"}}}}, 'prometheus.remoteWrite.cidrs.c: want addresses such as', id="mask"),
        pytest.param(_told(HOOK) | {"networkPolicy": {"apiServerCidrs": {"n": "hello/8"}}}, 'networkPolicy.apiServerCidrs.n: want', id="word"),
        pytest.param({"networkPolicy": {"nodeCidrs": {"n": "10.0.0/24"}}}, 'networkPolicy.nodeCidrs.n: want', id="three-numbers"),
        pytest.param({"networkPolicy": {"clients": {"n": {"ipBlock": {"cidr": "2001:db8::/129"}}}}}, 'networkPolicy.clients.n.ipBlock.cidr: want', id="mask-6"),
        pytest.param({"networkPolicy": {"queryClients": {"n": {"ipBlock": {"cidr": "2001:db8:::/64"}}}}}, 'networkPolicy.queryClients.n.ipBlock.cidr: want', id="colons"),
        pytest.param({"alertmanager": {"config": {"receivers": [NOBODY, HOOK]}, "receiverCidrs": {"h": {"cidr": "010.0.0.1/32", "port": 1}}}}, 'alertmanager.receiverCidrs.h.cidr: want', id="zero-first"),
        pytest.param({"alertmanager": {"others": {"o": {"url": "http://h", "cidrs": {"c": "1.2.3.4/33"}}}}}, 'alertmanager.others.o.cidrs.c: want', id="others"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "https://999.1.2.3/"}}}, "prometheus.remoteWrite.url: want a host's name or four numbers of 0 to 255, found \"999.1.2.3\"", id="url"),
        pytest.param({"scrape": {"uplink": {"url": "https://1.2.3/"}}}, "scrape.uplink.url: want a host's name or four numbers", id="url-short"),
        pytest.param({"alertmanager": {"others": {"o": {"url": "http://1.2.3.4:99999"}}}}, "alertmanager.others.o.url: want a port of 1 to 65535, found 99999", id="port"),
        pytest.param(_typo({"recievers": []}), 'alertmanager.config: want keys that Alertmanager knows (global,', id="config-key"),
        pytest.param(_typo({"route": {"groupby": []}}), 'alertmanager.config.route: want keys that Alertmanager knows', id="route-key"),
        pytest.param(_typo({"route": {"routes": [{"reciever": "people"}]}}), 'found "reciever"', id="route-below"),
        pytest.param(_typo({"inhibit_rules": [{"source": []}]}), 'alertmanager.config.inhibit_rules: want keys', id="inhibit-key"),
        pytest.param(_told({"name": "people", "webhook_config": [{}]}), 'alertmanager.config.receivers (people): want keys that Alertmanager knows (name, discord_configs,', id="receiver-key"),
        pytest.param(_told({"name": "people", "webhook_configs": {"url": "x"}}), "alertmanager.config.receivers (people): webhook_configs: want a list", id="no-list"),
        pytest.param(_told({"webhook_configs": []}), "alertmanager.config.receivers: want each with a name", id="no-name"),
        pytest.param({"cadvisor": {"keep": "container_("}}, 'cadvisor.keep: want a regular expression as Go has them, found "container_("', id="cadvisor-keep"),
        pytest.param({"mode": "operator", "cadvisor": {"keep": "a)"}}, 'cadvisor.keep: want a regular expression', id="keep-with-an-operator"),
        pytest.param({"prometheus": {"remoteWrite": {"url": "http://10.0.0.1/", "keep": "("}}}, 'prometheus.remoteWrite.keep: want a regular', id="remote-keep"),
        pytest.param({"nodeExporter": {"collectors": ["cpuu"]}}, "/nodeExporter/collectors/0", id="collector"),
        pytest.param({"nodeExporter": {"collectors": ["cpu", "cpu"]}}, "/nodeExporter/collectors", id="collector-twice"),
        pytest.param({"prometheus": {"persistence": {"enabled": False, "existingClaim": "x"}}}, "prometheus.persistence.existingClaim is set, but prometheus.persistence.enabled=false", id="no-claim"),
        pytest.param({"prometheus": {"persistence": {"existingClaim": "x", "storageClass": "y"}}}, "prometheus.persistence.storageClass is set, but prometheus.persistence.existingClaim is set", id="class-of-a-claim"),
        pytest.param({"prometheus": {"remoteWrite": {"existingSecret": "x"}}}, "prometheus.remoteWrite.existingSecret is set, but prometheus.remoteWrite.url is empty", id="secret-for-nobody"),
        pytest.param({"scrape": {"uplink": {"cidrs": {"c": "10.0.0.1/32"}}}}, "scrape.uplink.cidrs is set, but scrape.uplink.url is empty", id="way-to-no-uplink"),
        pytest.param({"alertmanager": {"receiverSecret": "x"}}, "alertmanager.receiverSecret is set, but alertmanager.config.receivers tells nobody", id="secret-of-no-receiver"),
        pytest.param({"alertmanager": {"receiverCidrs": WAY}}, "alertmanager.receiverCidrs is set, but", id="way-to-no-receiver"),
        pytest.param({"grafana": {"service": {"nodePort": 30300}}}, "grafana.service.nodePort is set, but grafana.service.type=ClusterIP", id="node-port"),
        pytest.param({"grafana": {"service": {"type": "NodePort", "nodePort": 80}}}, "/grafana/service/nodePort", id="node-port-80"),
        pytest.param({"grafana": {"enabled": False, "rootUrl": "https://x"}}, "grafana.rootUrl is set, but grafana.enabled=false", id="no-grafana"),
        pytest.param({"grafana": {"enabled": False, "service": {"type": "NodePort"}}}, "grafana.service.type is set, but grafana.enabled=false", id="no-grafanas-service"),
        pytest.param({"prometheus": {"resources": {"requests": {"memory": "512Mi"}}}}, "prometheus.resources.requests.memory: want no more than limits.memory, 256Mi, found 512Mi", id="memory"),
        pytest.param({"mode": "operator", "nodeExporter": {"resources": {"requests": {"cpu": 3}}}}, "nodeExporter.resources.requests.cpu: want no more than limits.cpu", id="cpu"),
        pytest.param({"commonLabels": {"x": "a b"}}, 'commonLabels.x: want a label\'s value: at most 63', id="label"),
        pytest.param({"podLabels": {"a b": "x"}}, 'podLabels: want names of labels', id="label-name"),
        pytest.param({"podLabels": {"app.kubernetes.io/name": "x"}}, "podLabels: want labels of your own, found app.kubernetes.io/name", id="own-label"),
        pytest.param({"mode": "operator", "operator": {"labels": {"release": "-x"}}}, "operator.labels.release: want a label's value", id="operators-label"),
    ],
)  # fmt: skip
def test_refused_before_anything_is_made(values: dict[str, Any], told: str) -> None:
    assert told in refusal(CHART, values)


@pytest.mark.parametrize("release", ["7watch", "watch.7"])
@pytest.mark.parametrize("mode", ["standalone", "operator"])
def test_a_release_whose_services_could_have_no_such_name(release: str, mode: str) -> None:
    chart = str(CHARTS / CHART)
    done = run("helm", "template", release, chart, "--set=gateway=plant-7", f"--set=mode={mode}")
    assert "release name: want a letter first" in done.stderr and f'found "{release}"' in done.stderr
    assert run("helm", "template", release, chart, "--set=gateway=plant-7,fullnameOverride=watch").returncode == 0


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "10.20.0.0/24", "255.255.255.255/32", "::/0", "2001:db8::/32", "fd00::1/128", "1:2:3:4:5:6:7:8/64"]
)  # fmt: skip
def test_addresses_that_are_taken(cidr: str) -> None:
    assert rendered({"networkPolicy": {"nodeCidrs": {"any": None, "n": cidr}}})


@pytest.mark.parametrize("keep", ["edge_.*", "(?i)up|a", "", "^x$", r"a\.b"])
def test_expressions_that_are_taken(keep: str) -> None:
    assert rendered({"prometheus": {"remoteWrite": {"url": "http://10.0.0.1/", "keep": keep}}})


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
