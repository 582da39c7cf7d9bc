"""edge-inference: where the model comes from, and what may reach whom."""

from __future__ import annotations

from typing import Any

import pytest

from helm_support import at, main_pod, one, pod_templates, render

pytestmark = pytest.mark.charts
CHART = "edge-inference"
OCI: dict[str, Any] = {
    "source": "oci",
    "oci": {"reference": "r:5000/m/{name}:{version}", "registryCidrs": {"r": "10.0.0.9/32"}, "registryPort": 5000},
}


def _mount(container: dict[str, Any], name: str = "model") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in container["volumeMounts"] if each["name"] == name)
    return found


def test_an_image_needs_no_volume_for_its_model() -> None:
    pod = main_pod(render(CHART))
    assert [each["name"] for each in pod["volumes"]] == ["tmp", "cache"]
    assert "initContainers" not in pod


@pytest.mark.parametrize(
    ("volume", "wanted"),
    [
        pytest.param({"claim": "models"}, {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}}, id="claim"),
        pytest.param({"spec": {"nfs": {"server": "s", "path": "/"}}}, {"nfs": {"server": "s", "path": "/"}}, id="spec"),
    ],
)  # fmt: skip
def test_a_volume_is_mounted_read_only_in_every_pod(volume: dict[str, Any], wanted: dict[str, Any]) -> None:
    model = {"name": "belt", "source": "volume", "volume": volume}
    manifests = render(CHART, {"model": model, "preflight": {"rollback": True}})
    pods = list(pod_templates(manifests))
    assert len(pods) == 4
    for _, pod in pods:
        assert {"name": "model", **wanted} in pod["spec"]["volumes"]
        mount = {"name": "model", "mountPath": "/model", "subPath": "belt/1.0.0", "readOnly": True}
        assert _mount(pod["spec"]["containers"][0]) == mount
        assert pod["spec"]["containers"][0]["image"] == "localhost/edge-inference:0.1.0", "the runtime, without a model"


def test_each_version_has_its_own_folder_of_a_volume() -> None:
    values = {
        "model": {"source": "volume", "volume": {"claim": "m"}},
        "candidate": {"enabled": True, "version": "2.0.0"},
    }
    manifests = render(CHART, values)
    assert _mount(main_pod(manifests)["containers"][0])["subPath"] == "dock/1.0.0"
    assert _mount(main_pod(manifests, "dock-candidate")["containers"][0])["subPath"] == "dock/2.0.0"


def test_an_artifact_is_pulled_into_a_folder_of_its_own() -> None:
    pod = main_pod(render(CHART, {"model": {**OCI, "name": "belt"}}))
    puller, service = pod["initContainers"][0], pod["containers"][0]
    given = {each["name"]: each["value"] for each in puller["env"]}
    assert given["ARTIFACT"] == "r:5000/m/belt:1.0.0"
    assert _mount(service)["subPath"] == given["FOLDER"]
    assert _mount(service)["readOnly"] and _mount(puller)["mountPath"] == "/models"
    assert {"name": "model", "emptyDir": {"sizeLimit": "1Gi"}} in pod["volumes"]
    assert "$$" not in puller["command"][2], "Kubernetes makes one of two"


def test_a_digest_pins_the_artifact_and_another_one_is_another_folder() -> None:
    pinned = {**OCI, "oci": {**OCI["oci"], "digest": "sha256:" + "11" * 32}}
    tagged, digested = (
        main_pod(render(CHART, {"model": model}))["initContainers"][0]["env"] for model in (OCI, pinned)
    )
    assert digested[0]["value"].endswith(":1.0.0@sha256:" + "11" * 32)
    assert tagged[1]["value"] != digested[1]["value"]


def test_a_registrys_login_is_a_file_of_a_secret() -> None:
    oci = {**OCI["oci"], "existingSecret": "login", "plainHttp": True, "cacheClaim": "models"}
    pod = main_pod(render(CHART, {"model": {**OCI, "oci": oci}}))
    puller = pod["initContainers"][0]
    assert puller["command"][4:] == ["--plain-http", "--registry-config=/run/secrets/registry/config.json"]
    assert _mount(puller, "registry-login")["readOnly"]
    assert {"name": "model", "persistentVolumeClaim": {"claimName": "models"}} in pod["volumes"]


def test_nothing_leaves_the_pod_by_default() -> None:
    manifests = render(CHART)
    for name in ("dock", "dock-preflight"):
        policy = one(manifests, "NetworkPolicy", name)["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert "egress" not in policy


def test_only_cameras_tests_and_monitoring_get_in() -> None:
    policy = one(render(CHART), "NetworkPolicy")["spec"]
    asked, scraped = policy["ingress"]
    assert asked["ports"] == [{"port": "http"}] and scraped["ports"] == [{"port": "metrics"}]
    assert {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "camera-ingest"}}} in asked["from"]
    assert at(asked, "from.0.podSelector.matchLabels")["app.kubernetes.io/component"] == "test"
    assert scraped["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_clients_can_be_added_and_taken_out() -> None:
    clients = {"camera-ingest": None, "floor": {"ipBlock": {"cidr": "10.0.0.0/8"}}}
    policy = one(
        render(CHART, {"networkPolicy": {"clients": clients, "metricsClients": {"monitoring": None}}}), "NetworkPolicy"
    )
    assert len(policy["spec"]["ingress"]) == 1
    assert policy["spec"]["ingress"][0]["from"][1:] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]


def test_an_artifact_opens_the_way_to_its_registry_for_every_pod_that_pulls() -> None:
    manifests = render(CHART, {"model": OCI})
    way = {"to": [{"ipBlock": {"cidr": "10.0.0.9/32"}}], "ports": [{"protocol": "TCP", "port": 5000}]}
    for name in ("dock", "dock-preflight", "dock-test"):
        egress = one(manifests, "NetworkPolicy", name)["spec"]["egress"]
        assert way in egress
        assert sum("port" in rule["ports"][0] and rule["ports"][0]["port"] == 53 for rule in egress) == 1


def test_no_policies_when_told_so() -> None:
    assert not [
        each for each in render(CHART, {"networkPolicy": {"enabled": False}}) if each["kind"] == "NetworkPolicy"
    ]
