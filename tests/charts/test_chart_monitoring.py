"""edge-monitoring: what holds for all of its objects, in both modes and with every values file of ci/."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_support import CHARTS, MONITORING, containers, main_pod, names, one, parse, pod_templates, render, run
from monitoring_support import CHART, FILES, STANDALONE, case, rendered

pytestmark = pytest.mark.charts
each_case = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
each_standalone = pytest.mark.parametrize("file", STANDALONE, ids=lambda path: path.stem)
LAB_VALUES = CHARTS.parent / "tests/monitoring/values.yaml"
EXPORTER = "DaemonSet/dock-node-exporter"
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding"}


@each_case
def test_every_pod_is_restricted_but_for_the_hosts_folders(file: Path) -> None:
    for title, pod in pod_templates(rendered(file=file)):
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] > 0, title
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, title
        assert spec["enableServiceLinks"] is False, title
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), title
        assert bool([each for each in spec.get("volumes", []) if "hostPath" in each]) == (title == EXPORTER)
        assert all("sizeLimit" in each["emptyDir"] for each in spec.get("volumes", []) if "emptyDir" in each), title
        for container in containers(pod):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"], title
            assert own["capabilities"] == {"drop": ["ALL"]}, title
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), title
            assert container["imagePullPolicy"] == "IfNotPresent", title
            assert ":latest" not in container["image"], title


@each_case
def test_only_prometheus_has_a_token(file: Path) -> None:
    with_token = {
        title for title, pod in pod_templates(rendered(file=file)) if pod["spec"]["automountServiceAccountToken"]
    }
    assert with_token == ({"Deployment/dock-prometheus"} if file in STANDALONE else set())


def test_the_hosts_folders_are_read_only() -> None:
    daemon = one(rendered(), "DaemonSet", "dock-node-exporter")["spec"]["template"]["spec"]
    host = {each["name"] for each in daemon["volumes"] if "hostPath" in each}
    mounts = [each for each in daemon["containers"][0]["volumeMounts"] if each["name"] in host]
    assert len(mounts) == 3 and all(each["readOnly"] for each in mounts)


@each_case
def test_labels_are_whole(file: Path) -> None:
    wanted = {"name", "instance", "component", "version", "part-of", "managed-by"}
    for each in rendered(file=file):
        if each["kind"] == "Pod":
            continue
        title, labels = f"{each['kind']}/{each['metadata']['name']}", each["metadata"]["labels"]
        assert {f"app.kubernetes.io/{part}" for part in wanted} <= labels.keys(), title
        assert "helm.sh/chart" in labels, title
        assert ("namespace" in each["metadata"]) != (each["kind"] in CLUSTER_WIDE), title


@each_case
def test_selectors_match_one_kind_of_pod(file: Path) -> None:
    manifests = rendered(file=file)
    pods = [pod["metadata"]["labels"] for _, pod in pod_templates(manifests)]
    kinds = {"Deployment": "selector", "DaemonSet": "selector", "Service": "selector", "NetworkPolicy": "podSelector"}
    looked = 0
    for each in manifests:
        if each["kind"] in kinds:
            selector = each["spec"][kinds[each["kind"]]]
            wanted = selector.get("matchLabels", selector)
            assert sum(wanted.items() <= labels.items() for labels in pods) == 1, each["metadata"]["name"]
            looked += 1
    assert looked >= (1 if file == case("operator") else 6)


def test_no_port_here_is_taken_for_a_models_metrics() -> None:
    """The pods are part of edge-serve, too, and Prometheus scrapes what of it has a port `metrics`."""
    for title, pod in pod_templates(rendered(file=case("standalone"))):
        ports = [port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", [])]
        assert set(ports) <= {"http"}, title


@each_standalone
def test_every_pod_has_a_policy_for_both_directions(file: Path) -> None:
    manifests = rendered(file=file)
    policies = [each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"]
    assert all(each["policyTypes"] == ["Ingress", "Egress"] for each in policies)
    for title, pod in pod_templates(manifests):
        labels = pod["metadata"]["labels"].items()
        assert sum(each["podSelector"]["matchLabels"].items() <= labels for each in policies) == 1, title
    off = rendered({"networkPolicy": {"enabled": False}}, file)
    assert names(off, "NetworkPolicy") == []


def _ways(manifests: list[dict[str, Any]], name: str, direction: str) -> list[tuple[Any, list[Any]]]:
    """(peers, ports) of each rule of a policy."""
    peer = {"egress": "to", "ingress": "from"}[direction]
    rules = one(manifests, "NetworkPolicy", name)["spec"].get(direction, [])
    return [(rule[peer], [port["port"] for port in rule["ports"]]) for rule in rules]


def test_prometheus_goes_to_what_it_scrapes_and_tells_and_nowhere_else() -> None:
    ways = _ways(rendered(file=case("standalone")), "dock-prometheus", "egress")
    blocks = {(peer["ipBlock"]["cidr"], *ports) for peers, ports in ways for peer in peers if "ipBlock" in peer}
    assert blocks == {
        ("192.168.7.1/32", 6443, 443),
        ("192.168.7.1/32", 10250),
        ("203.0.113.0/24", 443),
        ("198.18.1.2/32", 9093),
        ("198.18.1.2/32", 9090),
    }
    pods = [ports for peers, ports in ways if "ipBlock" not in peers[0]]
    assert pods == [[53, 53], [9090, 9091], [9100], [9093]]


def test_without_a_receiver_alertmanager_goes_nowhere() -> None:
    assert _ways(rendered(), "dock-alertmanager", "egress") == []
    told = _ways(rendered(file=case("standalone")), "dock-alertmanager", "egress")
    assert ([{"ipBlock": {"cidr": "203.0.113.25/32"}}], [587]) in told


def test_nobody_sees_grafana_but_those_who_are_named() -> None:
    assert _ways(rendered(), "dock-grafana", "ingress") == []
    assert _ways(rendered(file=case("standalone")), "dock-grafana", "ingress") == [
        ([{"ipBlock": {"cidr": "10.0.0.0/8"}}], ["http"])
    ]


def test_a_role_for_each_namespace_and_no_more() -> None:
    manifests = rendered(file=case("restricted"))
    roles = [each for each in manifests if each["kind"] == "Role"]
    assert sorted(each["metadata"]["namespace"] for each in roles) == ["edge", "packing"]
    assert all(
        each["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
        for each in roles
    )
    bound = {each["metadata"]["namespace"] for each in manifests if each["kind"] == "RoleBinding"}
    assert bound == {"edge", "packing"}
    assert not [each for each in manifests if each["kind"] in CLUSTER_WIDE | {"DaemonSet"}]


def test_the_cluster_role_reads_nodes_and_their_metrics_only() -> None:
    (role,) = [each for each in rendered() if each["kind"] == "ClusterRole"]
    assert {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]} == {
        ("nodes", "get"), ("nodes", "list"), ("nodes", "watch"), ("nodes/metrics", "get"),
    }  # fmt: skip


@each_case
def test_a_mode_makes_its_own_objects_only(file: Path) -> None:
    kinds = {each["kind"] for each in rendered(file=file)}
    crds = {"PodMonitor", "ServiceMonitor", "PrometheusRule"}
    if file == case("operator"):
        assert crds <= kinds
        assert not kinds & {"Deployment", "Service", "Secret", "Role", "NetworkPolicy", "PersistentVolumeClaim"}
    else:
        assert not kinds & crds


def test_grafanas_password_is_by_chance_and_kept() -> None:
    secret = one(rendered(), "Secret", "dock-grafana")
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert len(base64.b64decode(secret["data"]["admin-password"])) == 32
    own = rendered({"grafana": {"existingSecret": "mine"}})
    assert names(own, "Secret") == ["dock-alertmanager"]
    volumes = {each["name"]: each for each in main_pod(own, "dock-grafana")["volumes"]}
    assert volumes["admin"]["secret"]["secretName"] == "mine"


def test_grafana_has_every_dashboard_and_no_password_in_its_environment() -> None:
    manifests = rendered()
    pod = main_pod(manifests, "dock-grafana")
    sources = next(each for each in pod["volumes"] if each["name"] == "dashboards")["projected"]["sources"]
    wanted = sorted(f"dock-dashboard-{path.stem}" for path in (CHARTS / CHART / "dashboards").glob("*.json"))
    assert wanted and sorted(each["configMap"]["name"] for each in sources) == wanted
    assert set(wanted) <= set(names(manifests, "ConfigMap"))
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert given["GF_SECURITY_ADMIN_PASSWORD"] == "$__file{/run/secrets/grafana/admin-password}"
    assert given["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_a_new_chart_version_restarts_nothing(tmp_path: Path) -> None:
    copy = tmp_path / CHART
    shutil.copytree(CHARTS / CHART, copy)
    text = (copy / "Chart.yaml").read_text(encoding="utf-8")
    (copy / "Chart.yaml").write_text(text.replace("\nversion: 0.", "\nversion: 77."), encoding="utf-8")
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(MONITORING[CHART]), encoding="utf-8")
    done = run("helm", "template", "dock", str(copy), "--namespace=edge", f"--values={values}")
    newer = dict(pod_templates(parse(done.stdout)))
    assert len(newer) == 5
    assert newer == dict(pod_templates(rendered()))


def test_names_fit_whatever_the_release_is_called() -> None:
    manifests = render(CHART, release="r" * 53, file=case("standalone"))
    there = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in manifests]
    assert max(len(name) for kind, _, name in there if kind not in CLUSTER_WIDE) <= 63
    assert len(set(there)) == len(there)


def test_the_charts_list_of_images_is_what_it_starts() -> None:
    chart = yaml.safe_load((CHARTS / CHART / "Chart.yaml").read_text(encoding="utf-8"))
    listed = {each["image"] for each in yaml.safe_load(chart["annotations"]["artifacthub.io/images"])}
    started = {container["image"] for _, pod in pod_templates(rendered()) for container in containers(pod)}
    assert listed == started
    moved = rendered(file=case("restricted"))
    images = {container["image"] for _, pod in pod_templates(moved) for container in containers(pod)}
    assert all(each.startswith("registry.plant.example:5000/prom/") for each in images)


def test_the_clusters_tests_start_debians_image_and_no_other() -> None:
    manifests = rendered(MONITORING[CHART], LAB_VALUES)
    images = {container["image"] for _, pod in pod_templates(manifests) for container in containers(pod)}
    assert images == {"localhost/edge-monitoring-test:1"}


@each_case
def test_lint(file: Path) -> None:
    done = run("helm", "lint", "--strict", str(CHARTS / CHART), f"--values={file}")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({}, "port-forward service/dock-grafana", id="grafana"),
        pytest.param({}, "names no receiver", id="nobody-is-told"),
        pytest.param({"alertmanager": {"config": {"route": {"group_wait": "1m"}}}}, "names no receiver", id="config-that-tells-nobody"),
        pytest.param({}, "alerts show in Prometheus and Alertmanager and on the dashboards, and nobody", id="dashboards"),
        pytest.param({"grafana": {"enabled": False}}, "alerts show in Prometheus and Alertmanager, and nobody", id="no-dashboards"),
        pytest.param({"alertmanager": {"enabled": False}, "grafana": {"enabled": False}}, "alerts show in Prometheus, and nobody", id="prometheus-alone"),
        pytest.param({}, "WARNING: rules.runbookUrl=docs/runbook.md has no scheme", id="runbook"),
        pytest.param({"mode": "operator"}, "rules.runbookUrl=docs/runbook.md has no scheme", id="runbook-with-an-operator"),
        pytest.param({"networkPolicy": {"enabled": False}}, "WARNING: networkPolicy is off", id="open"),
        pytest.param({"mode": "operator"}, "operator.labels is empty", id="operator"),
        pytest.param({"cadvisor": {"enabled": False}}, "no CPU throttling", id="no-cadvisor"),
    ],
)  # fmt: skip
def test_notes(values: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(MONITORING[CHART] | values), encoding="utf-8")
    assert told in _notes(path)


def test_no_warning_where_there_is_nothing_to_warn_of(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump({"rules": {"runbookUrl": "https://wiki.example/r"}}), encoding="utf-8")
    assert "WARNING" not in _notes(case("standalone"), path)


def _notes(*files: Path) -> str:
    named = [f"--values={path}" for path in files]
    done = run("helm", "install", "dock", str(CHARTS / CHART), "--dry-run=client", *named)
    return done.stdout.partition("NOTES:")[2]
