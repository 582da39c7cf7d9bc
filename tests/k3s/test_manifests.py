"""The manifests against what will read them: K3s' own resource types, and each chart's schema."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from helm_support import LEAST, Manifest, merged, pod_templates, run, tools
from k3s_support import CHARTS, K3S, chart_version

PATHS = sorted((K3S / "manifests").glob("*.yaml"))
ALL = [document for path in PATHS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
HELM = [document for document in ALL if document["kind"] == "HelmChart"]
STATIC = "https://%{KUBERNETES_API}%/static/charts/"
each_chart = pytest.mark.parametrize("chart", HELM, ids=lambda chart: chart["metadata"]["name"])


def source(chart: Manifest) -> Path:
    """Return the folder of the chart that a HelmChart names."""
    name = chart["spec"]["chart"].removeprefix(STATIC).rpartition("-")[0]
    return CHARTS / str(name)


def values(chart: Manifest) -> dict[str, Any]:
    found = yaml.safe_load(chart["spec"]["valuesContent"])
    assert isinstance(found, dict)
    return found


def rendered(chart: Manifest) -> list[Manifest]:
    """Return what helm makes of a HelmChart: the same chart, values and namespace as K3s' controller would take."""
    name = chart["metadata"]["name"]
    namespace = chart["spec"]["targetNamespace"]
    return template(name, str(source(chart)), namespace, chart["spec"]["valuesContent"])


@functools.cache
def template(name: str, folder: str, namespace: str, text: str) -> list[Manifest]:
    done = run("helm", "template", name, folder, f"--namespace={namespace}", "--values=-", text=text)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def smallest() -> int:
    """Return the least memory in MB with which install.sh sets up a box."""
    found = re.search(r"^MIN_MEMORY_MB=(\d+)$", (K3S / "lib/checks.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def seconds(text: str) -> int:
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def test_names_are_unique_and_what_k3s_takes() -> None:
    assert sorted(document["metadata"]["name"] for document in HELM) == ["camera-ingest", "detector", "pump-failure"]
    # K3s' own AddOns, whose names a file of ours must not take, disabled or not.
    packaged = {"ccm", "coredns", "local-storage", "metrics-server", "rolebindings", "runtimes", "traefik"}
    for path in PATHS:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", path.stem), path
        assert path.stem not in packaged


def test_the_namespace_admits_only_restricted_pods() -> None:
    (namespace,) = [document for document in ALL if document["kind"] == "Namespace"]
    labels = namespace["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}
    assert {chart["spec"]["targetNamespace"] for chart in HELM} == {namespace["metadata"]["name"]}


@each_chart
def test_a_failed_release_is_never_uninstalled(chart: Manifest) -> None:
    # The default, reinstall, uninstalls. The namespace has its labels from the manifest, so nothing may create it bare.
    assert chart["spec"]["failurePolicy"] == "retry"
    assert "createNamespace" not in chart["spec"]


@each_chart
def test_the_chart_is_the_one_in_the_repository(chart: Manifest) -> None:
    assert chart["spec"]["chart"].startswith(STATIC)
    name = source(chart).name
    assert chart["spec"]["chart"] == f"{STATIC}{name}-{chart_version(name)}.tgz"


@each_chart
def test_values_are_what_the_charts_schema_allows(chart: Manifest) -> None:
    schema = json.loads((source(chart) / "values.schema.json").read_text(encoding="utf-8"))
    checker = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in checker.iter_errors(values(chart))] == []


@each_chart
def test_a_typo_in_the_values_is_refused(chart: Manifest) -> None:
    schema = json.loads((source(chart) / "values.schema.json").read_text(encoding="utf-8"))
    checker = jsonschema.validators.validator_for(schema)(schema)
    assert list(checker.iter_errors(values(chart) | {"imagee": {}}))


def test_models_are_held_to_the_files_in_the_repository() -> None:
    for chart in HELM:
        model = values(chart).get("model")
        if model is None:
            continue
        text = (K3S.parent / "models" / model["name"] / "model.toml").read_text(encoding="utf-8")
        assert f'name = "{model["name"]}"\nversion = "{model["version"]}"\n' in text
        assert f'sha256 = "{model["sha256"]}"' in text


@pytest.mark.charts
def test_camera_ingest_asks_a_service_that_is_there() -> None:
    (camera,) = [chart for chart in HELM if source(chart).name == "camera-ingest"]
    services = {
        f"http://{document['metadata']['name']}:{port['port']}"
        for chart in HELM
        for document in rendered(chart)
        if document["kind"] == "Service" and values(chart).get("model", {}).get("name") == "belt-detector"
        for port in document["spec"]["ports"]
        if port["name"] == "http"
    }
    assert values(camera)["inference"]["url"] in services


@pytest.mark.charts
@each_chart
def test_helm_has_time_for_the_hooks_and_the_deployment_outlives_helm(chart: Manifest) -> None:
    timeout = seconds(chart["spec"]["timeout"])
    for document in rendered(chart):
        if document["kind"] == "Job":
            assert document["spec"]["activeDeadlineSeconds"] < timeout
        if document["kind"] == "Deployment":
            assert document["spec"]["progressDeadlineSeconds"] > timeout


@pytest.mark.charts
@each_chart
def test_a_shutdown_of_the_box_leaves_every_pod_its_time(chart: Manifest) -> None:
    kubelet = yaml.safe_load((K3S / "kubelet.conf").read_text(encoding="utf-8"))
    ours = seconds(kubelet["shutdownGracePeriod"]) - seconds(kubelet["shutdownGracePeriodCriticalPods"])
    pods = [pod for title, pod in pod_templates(rendered(chart)) if "Deployment" in title]
    graces = [pod["spec"]["terminationGracePeriodSeconds"] for pod in pods]
    assert graces
    assert max(graces) <= min(ours, kubelet["evictionMaxPodGracePeriod"])


def grace(chart: str, values: dict[str, Any]) -> int:
    """Return the seconds that a chart's pod has to stop in, with these values."""
    manifests = template("dock", str(CHARTS / chart), "edge", json.dumps(merged(LEAST[chart], values)))
    (pod,) = (pod for title, pod in pod_templates(manifests) if "Deployment" in title)
    return int(pod["spec"]["terminationGracePeriodSeconds"])


@pytest.mark.charts
def test_the_kubelets_settings_tell_how_long_pods_take_to_stop() -> None:
    conf = (K3S / "kubelet.conf").read_text(encoding="utf-8")
    text = conf.replace("\n# ", " ")
    found = re.search(r"edge-inference asks for (\d+) s, camera-ingest for (\d+) s .*?, (\d+) s more", text)
    assert found is not None
    models, cameras, more = (int(each) for each in found.groups())
    assert (grace("edge-inference", {}), grace("camera-ingest", {})) == (models, cameras)
    kubelet = yaml.safe_load(conf)
    evicted = kubelet["evictionMaxPodGracePeriod"]
    ours = seconds(kubelet["shutdownGracePeriod"]) - seconds(kubelet["shutdownGracePeriodCriticalPods"])
    limits = [int(each) for each in re.findall(r"above (\d+) ms", text)]
    for limit, room in zip(limits, (evicted, ours), strict=True):
        asked = [grace("camera-ingest", {"inference": {"deadline_ms": ms}}) for ms in (limit, limit + 1)]
        assert asked[0] <= room < asked[1] == asked[0] + more


@pytest.mark.charts
def test_what_is_deployed_fits_the_smallest_box() -> None:
    """It promises to pods what these manifests ask for, an upgrade of the largest included."""
    kubelet = yaml.safe_load((K3S / "kubelet.conf").read_text(encoding="utf-8"))
    reserved = [kubelet[key]["memory"] for key in ("kubeReserved", "systemReserved")]
    kept = [*reserved, kubelet["evictionHard"]["memory.available"]]
    promised = smallest() - sum(int(text.removesuffix("Mi")) for text in kept)
    asked = [
        int(container["resources"]["requests"]["memory"].removesuffix("Mi"))
        for each in HELM
        for title, pod in pod_templates(rendered(each))
        if "Deployment" in title
        for container in pod["spec"]["containers"]
    ]
    assert sum(asked) + max(asked) < promised


@pytest.mark.charts
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_api_server_takes_it(path: Path) -> None:
    """Against K3s' real resource types, on the cluster that KUBECONFIG names."""
    if not tools().get("KUBECONFIG") or run("kubectl", "get", "--raw=/readyz").returncode:
        pytest.skip("no cluster answers: KUBECONFIG names one")
    if run("kubectl", "get", "crd", "helmcharts.helm.cattle.io").returncode:
        pytest.skip("this cluster does not know HelmChart: want K3s, or its resource types")
    apply = ("kubectl", "apply", "--dry-run=server", "--validate=strict", "--filename")
    done = run(*apply, str(path))
    assert (done.returncode, done.stderr) == (0, "")
    if "HelmChart" in path.read_text(encoding="utf-8"):
        wrong = path.read_text(encoding="utf-8").replace("failurePolicy: retry", "failurePolicy: rollback")
        refused = run(*apply, "-", text=wrong)
        assert 'spec.failurePolicy: Unsupported value: "rollback"' in refused.stderr


@pytest.mark.charts
def test_the_optional_monitoring_renders_with_the_charts_version_in_a_namespace_that_takes_it() -> None:
    path = K3S / "optional/edge-serve-monitoring.yaml"
    namespace, chart = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    assert chart["spec"]["chart"] == f"{STATIC}edge-monitoring-{chart_version('edge-monitoring')}.tgz"
    assert chart["spec"]["failurePolicy"] == "retry"
    assert chart["spec"]["targetNamespace"] == namespace["metadata"]["name"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert {"DaemonSet", "StatefulSet"} & {document["kind"] for document in rendered(chart)}
    # Prometheus gets a Role in each namespace it scrapes, which has to exist: it is the one of the models.
    assert {document["metadata"]["namespace"] for document in rendered(chart) if document["kind"] == "Role"} >= {"edge"}
