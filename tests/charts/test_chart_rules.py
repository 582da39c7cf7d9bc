"""What holds for every object of both charts, with every values file of ci/."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_camera.settings import Settings as CameraSettings
from edge_common.settings import env_name
from edge_inference.settings import Settings as InferenceSettings
from helm_support import (
    CASES,
    CHARTS,
    LEAST,
    containers,
    environment,
    names,
    one,
    parse,
    pod_templates,
    render,
    run,
)

pytestmark = pytest.mark.charts
BOTH = sorted(LEAST)
SETTINGS: dict[str, Any] = {"edge-inference": InferenceSettings, "camera-ingest": CameraSettings}
each_case = pytest.mark.parametrize(("chart", "file"), CASES, ids=lambda part: getattr(part, "stem", part))


def _known(chart: str) -> set[str]:
    return {env_name(field) for field in dataclasses.fields(SETTINGS[chart])}


@each_case
def test_every_pod_is_restricted_and_knows_nothing_of_the_cluster(chart: str, file: Path) -> None:
    for title, pod in pod_templates(render(chart, file=file)):
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert spec["automountServiceAccountToken"] is False, title
        assert spec["enableServiceLinks"] is False, title
        assert security["runAsNonRoot"] and security["runAsUser"] > 0, title
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, title
        assert not [each for each in spec.get("volumes", []) if "hostPath" in each], title
        for container in containers(pod):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"], title
            assert own["capabilities"] == {"drop": ["ALL"]}, title
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), title
            assert container["imagePullPolicy"] == "IfNotPresent", title
            assert not container["image"].endswith(":latest") and container["image"].count(":"), title


@each_case
def test_every_temporary_volume_is_bounded(chart: str, file: Path) -> None:
    for title, pod in pod_templates(render(chart, file=file)):
        ours = [each for each in pod["spec"].get("volumes", []) if "emptyDir" in each and each["name"] != "clips"]
        assert all("sizeLimit" in each["emptyDir"] for each in ours), title


@each_case
def test_services_get_only_settings_that_exist(chart: str, file: Path) -> None:
    for title, pod in pod_templates(render(chart, file=file)):
        for container in pod["spec"]["containers"]:
            given = [each["name"] for each in container.get("env", [])]
            assert {name for name in given if name.startswith("EDGE_")} <= _known(chart), title
            assert len(given) == len(set(given)), title


@pytest.mark.parametrize("chart", BOTH)
def test_every_setting_of_the_schema_arrives_under_its_name(chart: str) -> None:
    schema = yaml.safe_load((CHARTS / chart / "values.schema.json").read_text(encoding="utf-8"))
    properties = schema["properties"]["settings"]["properties"]
    samples: dict[str, Any] = {"boolean": True, "integer": 16777216, "number": 0.25, "string": "text"}
    chosen = {name: samples[each["type"]] for name, each in properties.items()}
    found = environment(
        one(render(chart, {"settings": chosen}), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    )
    texts = {"boolean": "true", "integer": "16777216", "number": "0.25", "string": "text"}
    assert len(properties) > 5
    by_name = {field.name.replace("_", ""): env_name(field) for field in dataclasses.fields(SETTINGS[chart])}
    for name, each in properties.items():
        assert found[by_name[name.lower()]] == texts[each["type"]], name


@each_case
def test_labels_are_whole_and_values_valid(chart: str, file: Path) -> None:
    wanted = {"name", "instance", "component", "version", "part-of", "managed-by"}
    for each in render(chart, file=file):
        title, labels = f"{each['kind']}/{each['metadata']['name']}", each["metadata"]["labels"]
        if each["kind"] == "Pod":
            continue
        assert {f"app.kubernetes.io/{part}" for part in wanted} <= labels.keys(), title
        assert "helm.sh/chart" in labels, title
        assert each["metadata"]["namespace"] == "edge", title


@each_case
def test_selectors_match_their_pods_and_nothing_that_changes(chart: str, file: Path) -> None:
    manifests = render(chart, file=file)
    pods = [pod["metadata"]["labels"] for title, pod in pod_templates(manifests) if title.startswith("Deployment")]
    others = [
        pod["metadata"]["labels"] for title, pod in pod_templates(manifests) if not title.startswith("Deployment")
    ]
    keys = {f"app.kubernetes.io/{part}" for part in ("name", "instance", "component")}
    for each in manifests:
        selector = each["spec"]["selector"] if each["kind"] in {"Deployment", "Service"} else None
        if selector is not None:
            wanted = selector.get("matchLabels", selector)
            assert wanted.keys() == keys
            assert sum(wanted.items() <= labels.items() for labels in pods) == 1
            assert not any(wanted.items() <= labels.items() for labels in others), "traffic for a check"


@pytest.mark.parametrize("chart", BOTH)
def test_a_new_chart_version_restarts_nothing(chart: str, tmp_path: Path) -> None:
    copy = tmp_path / chart
    shutil.copytree(CHARTS / chart, copy)
    text = (copy / "Chart.yaml").read_text(encoding="utf-8")
    assert "\nversion: 0." in text
    (copy / "Chart.yaml").write_text(text.replace("\nversion: 0.", "\nversion: 77."), encoding="utf-8")
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(LEAST[chart]), encoding="utf-8")
    done = run("helm", "template", "dock", str(copy), "--namespace=edge", f"--values={values}")
    newer = parse(done.stdout)
    assert one(newer, "Deployment")["metadata"]["labels"]["helm.sh/chart"].startswith(f"{chart}-77.")
    assert one(newer, "Deployment")["spec"] == one(render(chart), "Deployment")["spec"]


@pytest.mark.parametrize("chart", BOTH)
def test_names_fit_into_a_label_whatever_the_release_is_called(chart: str) -> None:
    values = {"candidate": {"enabled": True, "version": "1.1.0"}} if chart == "edge-inference" else {}
    manifests = render(chart, values, release="r" * 53)
    long = [each["metadata"]["name"] for each in manifests]
    assert max(map(len, long)) <= 63
    assert len({(each["kind"], each["metadata"]["name"]) for each in manifests}) == len(manifests)


@pytest.mark.parametrize("chart", BOTH)
def test_names_and_labels_can_be_chosen(chart: str) -> None:
    chosen = {"fullnameOverride": "other", "nameOverride": "kind", "namespaceOverride": "there"}
    manifests = render(chart, {**chosen, "commonLabels": {"site": "plant-7"}})
    assert {each["metadata"]["namespace"] for each in manifests} == {"there"}
    deployment = one(manifests, "Deployment", "other")
    assert deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "kind"
    assert deployment["metadata"]["labels"]["site"] == "plant-7"


@pytest.mark.parametrize("chart", BOTH)
@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_a_monitor_finds_the_pods_and_is_found_by_prometheus(chart: str, kind: str) -> None:
    key = kind[0].lower() + kind[1:]
    chosen = {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"}
    monitor = one(render(chart, {key: chosen}), kind)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    endpoint = monitor["spec"]["podMetricsEndpoints" if kind == "PodMonitor" else "endpoints"][0]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "15s"}
    assert names(render(chart), kind) == []


@pytest.mark.parametrize("chart", BOTH)
def test_notes_say_how_to_reach_and_test_it(chart: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(LEAST[chart] | {"networkPolicy": {"enabled": False}}), encoding="utf-8")
    done = run("helm", "install", "dock", str(CHARTS / chart), "--dry-run=client", f"--values={values}")
    notes = done.stdout.partition("NOTES:")[2]
    assert "port-forward service/dock" in notes and "helm test dock" in notes
    assert "WARNING: networkPolicy is off" in notes


@each_case
def test_lint(chart: str, file: Path) -> None:
    done = run("helm", "lint", "--strict", str(CHARTS / chart), f"--values={file}")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("chart", BOTH)
def test_lint_without_values(chart: str) -> None:
    done = run("helm", "lint", str(CHARTS / chart))
    assert done.returncode == 0, done.stdout
