"""edge-monitoring: what Prometheus, Alertmanager and the operator are told; read by promtool and amtool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_support import CHARTS, at, environment, main_pod, names, one
from monitoring.discovery import pod_targets
from monitoring_support import (
    CHART,
    STANDALONE,
    case,
    checked,
    prometheus_config,
    rendered,
    scrape,
    write_out,
)

pytestmark = pytest.mark.charts
RULES = CHARTS / CHART / "rules"
UNITS = {"M": 2**20, "G": 2**30}


@pytest.mark.parametrize("file", STANDALONE, ids=lambda path: path.stem)
def test_promtool_takes_the_configuration_and_the_rules(file: Path, tmp_path: Path) -> None:
    said = checked("promtool", "check", "config", write_out(rendered(file=file), tmp_path))
    assert f"{len(list(RULES.glob('*.yaml')))} rule files found" in said


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"receivers": [{"name": "nobody"}, {"name": "people", "webhook_configs": [{"url": "http://h/"}]}]}, id="told"),
    ],
)  # fmt: skip
def test_amtool_takes_alertmanagers(config: dict[str, Any], tmp_path: Path) -> None:
    way = {"hook": {"cidr": "10.20.0.5/32", "port": 443}} if config else {}
    values = {"alertmanager": {"config": config, "receiverCidrs": way}}
    text = one(rendered(values), "Secret", "dock-alertmanager")["stringData"]["alertmanager.yaml"]
    path = tmp_path / "alertmanager.yaml"
    path.write_text(text, encoding="utf-8")
    assert "SUCCESS" in checked("amtool", "check-config", path)
    assert yaml.safe_load(text)["route"]["receiver"] == "people"
    assert yaml.safe_load(text)["receivers"] == config.get("receivers", yaml.safe_load(text)["receivers"])


def _relabeled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """What Prometheus's relabeling (replace, keep, drop, labeldrop) makes of a target or a sample."""
    labels = dict(labels)
    for rule in rules:
        text = ";".join(labels.get(name, "") for name in rule.get("source_labels", []))
        found = re.fullmatch(rule.get("regex", "(.*)"), text)
        action = rule.get("action", "replace")
        if action == "labeldrop":
            labels = {name: value for name, value in labels.items() if not re.fullmatch(rule["regex"], name)}
        elif (action == "keep" and not found) or (action == "drop" and found):
            return None
        elif action == "replace" and found:
            template = re.sub(r"\$\{?(\d)\}?", r"\\\1", rule.get("replacement", "$1"))
            labels[rule["target_label"]] = found.expand(template)
    return labels


def _pod(**changes: Any) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/name": "edge-inference",
        "app.kubernetes.io/instance": "belt",
        "app.kubernetes.io/component": "candidate",
    }
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}]
    pod = {
        "metadata": {"name": "belt-1", "namespace": "edge", "labels": labels},
        "spec": {"nodeName": "gw", "containers": [{"name": "inference", "ports": ports}]},
        "status": {"podIP": "10.42.0.9", "phase": "Running"},
    }
    return pod | changes


def _scraped(pod: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    rules = scrape(rendered(), "edge-serve")["relabel_configs"]
    kept = [(address, _relabeled(labels, rules)) for address, labels in pod_targets(pod)]
    return [
        (address, {name: value for name, value in labels.items() if not name.startswith("__")})
        for address, labels in kept
        if labels is not None
    ]


def test_a_pods_metrics_have_the_labels_that_rules_ask_for() -> None:
    assert _scraped(_pod()) == [
        (
            "10.42.0.9:9090",
            {"job": "edge-inference", "namespace": "edge", "pod": "belt-1", "node": "gw", "release": "belt", "track": "candidate"},
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": {"podIP": "10.42.0.9", "phase": "Succeeded"}}, id="ended"),
        pytest.param({"spec": {"nodeName": "gw", "containers": [{"name": "preflight"}]}}, id="a-check"),
        pytest.param({"status": {"phase": "Pending"}}, id="not-yet"),
    ],
)
def test_what_has_no_metrics_is_no_target(changes: dict[str, Any]) -> None:
    assert _scraped(_pod(**changes)) == []


def test_the_operators_monitor_makes_the_same_labels() -> None:
    manifests = rendered({"mode": "operator"})
    (endpoint,) = one(manifests, "PodMonitor")["spec"]["podMetricsEndpoints"]
    snake = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    rules = [{snake.get(key, key): value for key, value in rule.items()} for rule in endpoint["relabelings"]]
    before = next(labels for address, labels in pod_targets(_pod()) if address.endswith(":9090"))
    # What the operator adds before.
    before |= {
        "container": "inference",
        "endpoint": "metrics",
        "pod": "belt-1",
        "namespace": "edge",
        "job": "edge/dock",
    }
    after = _relabeled(before, rules)
    assert after is not None
    visible = {name: value for name, value in after.items() if not name.startswith("__")}
    assert visible == _scraped(_pod())[0][1] | {"gateway": "plant-7"}
    assert endpoint["port"] == "metrics"


@pytest.mark.parametrize(
    ("sample", "kept"),
    [
        pytest.param({"__name__": "container_memory_working_set_bytes", "namespace": "edge", "pod": "p", "container": "c", "id": "/k/1"}, {"__name__": "container_memory_working_set_bytes", "namespace": "edge", "pod": "p", "container": "c", "id": "/k/1"}, id="ours"),
        pytest.param({"__name__": "container_memory_working_set_bytes", "namespace": "other", "pod": "p", "container": "c"}, None, id="not-ours"),
        pytest.param({"__name__": "container_memory_working_set_bytes", "namespace": "edge", "pod": "p", "container": ""}, None, id="whole-pod"),
        pytest.param({"__name__": "container_tasks_state", "namespace": "edge", "pod": "p", "container": "c"}, None, id="unused"),
        pytest.param({"__name__": "container_network_receive_bytes_total", "id": "/", "interface": "eth0"}, {"__name__": "node_network_receive_bytes_total", "id": "/", "device": "eth0"}, id="interface"),
        pytest.param({"__name__": "container_network_receive_bytes_total", "id": "/", "interface": "veth9"}, None, id="pods-end"),
        pytest.param({"__name__": "container_network_receive_bytes_total", "id": "/k/1", "interface": "eth0", "namespace": "edge", "pod": "p"}, None, id="pods-interface"),
    ],
)  # fmt: skip
def test_of_the_kubelets_series_few_are_kept(sample: dict[str, str], kept: dict[str, str] | None) -> None:
    assert _relabeled(sample, scrape(rendered(), "cadvisor")["metric_relabel_configs"]) == kept


def test_what_rules_and_boards_ask_of_cadvisor_is_kept() -> None:
    rules = scrape(rendered(), "cadvisor")["metric_relabel_configs"]
    sources = [*RULES.glob("*.yaml"), *(CHARTS / CHART / "dashboards").glob("*.json")]
    asked = {name for path in sources for name in re.findall(r"\bcontainer_[a-z_]+", path.read_text(encoding="utf-8"))}
    asked -= {"container_name"}
    assert asked
    labels = {"namespace": "edge", "pod": "p", "container": "c"}
    assert [name for name in sorted(asked) if _relabeled({"__name__": name, **labels}, rules) is None] == []


def test_remote_write_is_bounded() -> None:
    (remote,) = prometheus_config(rendered(file=case("standalone")))["remote_write"]
    queue = remote["queue_config"]
    assert queue["max_shards"] * (queue["capacity"] + queue["max_samples_per_send"]) <= 50_000
    assert remote["basic_auth"]["password_file"] == "/run/secrets/remote-write/password"
    assert "remote_write" not in prometheus_config(rendered())
    token = {"url": "http://10.0.0.1/w", "existingSecret": "s"}
    (remote,) = prometheus_config(rendered({"prometheus": {"remoteWrite": token}}))["remote_write"]
    assert remote["authorization"] == {"credentials_file": "/run/secrets/remote-write/token"}


def test_the_gateway_is_on_all_that_leaves() -> None:
    config = prometheus_config(rendered(file=case("standalone")))
    assert config["global"]["external_labels"] == {"gateway": "plant-7", "site": "plant"}


def test_the_runbook_is_where_it_is_said_to_be() -> None:
    texts = one(rendered({"rules": {"runbookUrl": "https://wiki.example/r"}}), "ConfigMap", "dock-rules")["data"]
    links = re.findall(r"runbook_url: (\S+)", "".join(texts.values()))
    assert links and all(link.startswith("https://wiki.example/r#edge") for link in links)


def test_rule_files_arrive_as_they_are() -> None:
    files = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yaml")}
    texts = one(rendered(), "ConfigMap", "dock-rules")["data"]
    assert {name: yaml.safe_load(text) for name, text in texts.items()} == files
    manifests = rendered({"mode": "operator"})
    found = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "PrometheusRule"}
    assert found == {f"dock-{name.removesuffix('.yaml')}": spec for name, spec in files.items()}


def test_a_change_of_what_is_read_at_the_start_restarts_prometheus() -> None:
    def checksum(values: dict[str, Any]) -> str:
        deployment = one(rendered(values), "Deployment", "dock-prometheus")
        text: str = at(deployment, "spec.template.metadata.annotations")["checksum/config"]
        return text

    before = checksum({})
    assert checksum({"grafana": {"enabled": False}}) == before
    assert checksum({"scrape": {"interval": "30s"}}) != before
    assert checksum({"rules": {"runbookUrl": "https://x"}}) != before


def test_memory_is_bounded_below_the_limit() -> None:
    container = main_pod(rendered(), "dock-prometheus")["containers"][0]
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20
    given = environment(container)
    assert limit * 0.75 < int(given["GOMEMLIMIT"]) < limit * 0.85
    arguments = dict(each.removeprefix("--").partition("=")[::2] for each in container["args"])
    queries = int(arguments["query.max-concurrency"]) * int(arguments["query.max-samples"]) * 16
    assert queries < limit / 4
    assert "storage.tsdb.wal-compression" in arguments and arguments["storage.tsdb.retention.time"] == "15d"
    assert not [each for each in arguments if "admin-api" in each or "lifecycle" in each]


def test_the_data_fit_on_their_volume() -> None:
    manifests = rendered()
    kept = next(
        each for each in main_pod(manifests, "dock-prometheus")["containers"][0]["args"] if "retention.size" in each
    )
    number, unit = re.findall(r"=(\d+)([MG])B", kept)[0]
    claim = one(manifests, "PersistentVolumeClaim", "dock-prometheus")
    size = at(claim, "spec.resources.requests.storage")
    assert int(number) * UNITS[unit] <= 0.75 * int(size.removesuffix("Gi")) * UNITS["G"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert names(rendered({"prometheus": {"persistence": {"existingClaim": "mine"}}}), "PersistentVolumeClaim") == []


def test_a_stop_waits_for_what_is_being_sent() -> None:
    pod = main_pod(rendered(), "dock-prometheus")
    flush = next(each for each in pod["containers"][0]["args"] if "flush-deadline" in each)
    assert pod["terminationGracePeriodSeconds"] > int(flush.partition("=")[2].removesuffix("s")) + 10
