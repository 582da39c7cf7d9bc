"""edge-inference: what cannot work is refused before anything is sent, in words that say how to mend it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_support import CHARTS, at, main_pod, one, refusal, render, run

pytestmark = pytest.mark.charts
CHART = "edge-inference"


def _limits(**limits: Any) -> dict[str, Any]:
    return {"resources": {"limits": limits}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param(_limits(memory="384m"), "/resources/limits/memory", id="half-a-byte"),
        pytest.param(_limits(memory="1 Gi"), "/resources/limits/memory", id="blank"),
        pytest.param(_limits(memory="1GB"), "/resources/limits/memory", id="GB"),
        pytest.param(_limits(cpu="500 m"), "/resources/limits/cpu", id="cpu"),
        pytest.param(_limits(cpu=-1), "/resources/limits/cpu", id="negative"),
        pytest.param(_limits(memmory="1Gi"), "memmory", id="unknown-resource"),
        pytest.param({"resources": {"requests": {"cpus": "1"}}}, "cpus", id="unknown-request"),
        pytest.param({"candidate": {"resources": {"limits": {"memmory": "1Gi"}}}}, "memmory", id="candidates-resource"),
        pytest.param({"candidate": {"resources": {"limit": {}}}}, "'limit' not allowed", id="candidates-limit"),
        pytest.param({"tmpSizeLimit": "64 MB"}, "/tmpSizeLimit", id="tmp"),
        pytest.param({"graphCache": {"sizeLimit": "many"}}, "/graphCache/sizeLimit", id="graph-cache"),
        pytest.param({"model": {"oci": {"sizeLimit": "1g"}}}, "/model/oci/sizeLimit", id="oci"),
        pytest.param({"strategy": {"maxSurge": "one"}}, "/strategy/maxSurge", id="surge"),
        pytest.param({"strategy": {"maxSurge": 0}}, "want maxSurge or maxUnavailable above 0", id="no-way-to-replace"),
        pytest.param({"strategy": {"maxSurge": "0%", "maxUnavailable": "0%"}}, "above 0, found both 0", id="no-percent"),
        pytest.param({"minReadySeconds": 900}, "want more than minReadySeconds, 900, found 900", id="deadline"),
        pytest.param({"preflight": {"activeDeadlineSeconds": 870}}, "want 30 s less than progressDeadlineSeconds, 900, or a still shorter time, found 870", id="preflight-outlasts-the-rollout"),
        pytest.param({"guard": {"enabled": True, "activeDeadlineSeconds": 870}}, "guard.activeDeadlineSeconds: want 30 s less than progressDeadlineSeconds, 900, or a still shorter time, found 870", id="guard-outlasts-the-rollout"),
        pytest.param({"image": {"registry": "https://reg"}}, 'image.registry: want HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000, found "https://reg"', id="registry-scheme"),
        pytest.param({"global": {"imageRegistry": "https://reg"}}, "global.imageRegistry: want HOST[:PORT][/PATH] without https://", id="global-registry-scheme"),
        pytest.param({"guard": {"image": {"registry": "oci://reg"}}}, "guard.image.registry: want HOST[:PORT]", id="guards-registry"),
        pytest.param({"image": {"repository": "Edge/model"}}, 'image.repository: want lower-case letters and digits, with dots, dashes, underscores and slashes between them, found "Edge/model"', id="repository"),
        pytest.param({"model": {"oci": {"image": {"repository": "ORAS"}}}}, "model.oci.image.repository: want lower-case", id="pullers-repository"),
        pytest.param({"resources": {"requests": {"memory": "1Gi"}}}, "resources.requests.memory: want no more than limits.memory, 384Mi, found 1Gi", id="memory-above-limit"),
        pytest.param({"resources": {"requests": {"cpu": 1.5}}}, "resources.requests.cpu: want no more than limits.cpu, 1, found 1.5", id="cpu-above-limit"),
        pytest.param({"candidate": {"resources": {"limits": {"memory": "64Mi"}}}}, "candidate.resources.requests.memory: want no more than limits.memory, 64Mi, found 128Mi", id="candidates-memory"),
        pytest.param({"guard": {"resources": {"requests": {"cpu": "600m"}}}}, "guard.resources.requests.cpu: want no more than limits.cpu, 500m, found 600m", id="guards-cpu"),
        pytest.param({"preflight": {"rollback": True}, "strategy": {"type": "Recreate"}}, "preflight.rollback: want it only with strategy.maxSurge above 0", id="rollback-job-and-recreate"),
        pytest.param({"preflight": {"rollback": True}, "strategy": {"maxSurge": 0, "maxUnavailable": 1}}, "preflight.rollback: want it only with", id="rollback-job-and-no-surge"),
        pytest.param({"test": {"resources": {"limits": {"memmory": "1Gi"}}}}, "memmory", id="tests-resource"),
        pytest.param({"podLabels": {"app.kubernetes.io/component": "x"}}, "podLabels: want labels of your own", id="pod-labels"),
        pytest.param({"commonLabels": {"app.kubernetes.io/managed-by": "me"}}, "commonLabels: want labels of your own", id="common-labels"),
        pytest.param({"fullnameOverride": "1st"}, "fullnameOverride: want a letter first", id="fullname"),
        pytest.param({"nameOverride": "Edge"}, 'nameOverride: want at most 63 lower-case letters, digits and dashes, no dash at the ends, found "Edge"', id="name"),
        pytest.param({"model": {"version": "1.0"}}, 'model.version: want three numbers such as 1.0.0, as in the bundle\'s model.toml, found "1.0"', id="version"),
        pytest.param({"candidate": {"version": "v1.1.0"}}, 'candidate.version: want three numbers such as 1.0.0', id="candidates-version"),
        pytest.param({"model": {"sha256": "A1"}}, 'model.sha256: want 64 digits and letters a to f', id="hash"),
        pytest.param({"image": {"digest": "0f" * 32}}, "image.digest: want sha256: and 64 digits", id="digest"),
        pytest.param({"candidate": {"ociDigest": "x"}}, "candidate.ociDigest: want sha256: and", id="candidates-digest"),
        pytest.param({"candidate": {"tag": "latest"}}, "candidate.tag: want a tag that stays what it is", id="latest"),
        pytest.param({"model": {"oci": {"image": {"tag": "latest"}}}}, "model.oci.image.tag: want a tag that stays", id="pullers-latest"),
        pytest.param({"image": {"tag": "a:b"}}, "image.tag: want at most 128 letters", id="tag"),
        pytest.param({"model": {"volume": {"subPath": "/models"}}}, "model.volume.subPath: want a folder in the volume, without /", id="sub-path"),
        pytest.param({"model": {"oci": {"registryCidrs": {"r": "registry.example"}}}}, "model.oci.registryCidrs.r: want addresses such as", id="cidr"),
        pytest.param({"model": {"oci": {"registryCidrs": {"r": "10.0.0.300/32"}}}}, "model.oci.registryCidrs.r: want addresses such as", id="cidr-number"),
        pytest.param({"model": {"oci": {"registryCidrs": {"r": "10.0.0.1/64"}}}}, "model.oci.registryCidrs.r: want addresses such as", id="cidr-mask"),
        pytest.param({"extraEnv": {"EDGE_MAX_QUEUE": "2"}}, "found 'EDGE_MAX_QUEUE': set settings.maxQueue", id="setting-as-env"),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], told: str) -> None:
    assert told in refusal(CHART, values)


@pytest.mark.parametrize("release", ["1st-floor", "dock.3"])
def test_a_release_whose_service_could_have_no_such_name(release: str) -> None:
    command = ("helm", "template", release, str(CHARTS / CHART), "--namespace=edge", "--values=-")
    done = run(*command, text=json.dumps({"model": {"version": "1.0.0"}}))
    assert done.returncode != 0
    assert "release name: want a letter first, then lower-case letters, digits and dashes" in done.stderr
    assert f'choose another, or set fullnameOverride, found "{release}"' in done.stderr
    manifests = render(CHART, {"fullnameOverride": "first", "model": {"name": "belt"}}, release=release)
    assert one(manifests, "Service", "first")["spec"]["selector"]["app.kubernetes.io/instance"] == release


@pytest.mark.parametrize(
    "limits",
    [
        {"cpu": 0.5, "memory": 402653184},
        {"cpu": "1500m", "memory": "1.5Gi"},
        {"cpu": "2", "memory": "1e9", "ephemeral-storage": "1Gi", "hugepages-2Mi": "64Mi", "example.com/gpu": 1},
    ],
)
def test_what_kubernetes_takes_is_taken(limits: dict[str, Any]) -> None:
    found = main_pod(render(CHART, {"resources": {"limits": limits}}))["containers"][0]["resources"]["limits"]
    assert found == {"cpu": "1", "memory": "384Mi"} | limits


@pytest.mark.parametrize(
    "preflight", [{"activeDeadlineSeconds": 869}, {"enabled": False, "activeDeadlineSeconds": 9000, "rollback": True}]
)
def test_a_preflight_in_time_or_none_is_taken(preflight: dict[str, Any]) -> None:
    assert one(render(CHART, {"preflight": preflight, "strategy": {"type": "RollingUpdate"}}), "Deployment")


@pytest.mark.parametrize("guard", [{"enabled": True, "activeDeadlineSeconds": 869}, {"activeDeadlineSeconds": 9000}])
def test_a_guard_in_time_or_none_is_taken(guard: dict[str, Any]) -> None:
    assert one(render(CHART, {"guard": guard}), "Deployment")


@pytest.mark.parametrize("key", ["podLabels", "commonLabels"])
def test_every_label_of_the_charts_own_is_refused_and_no_other(key: str) -> None:
    """Given twice, the last would count."""
    path = "spec.template.metadata.labels" if key == "podLabels" else "metadata.labels"
    own = at(one(render(CHART), "Deployment"), path)
    assert len(own) >= 6
    for label in own:
        assert f"found {label}, which the chart sets" in refusal(CHART, {key: {label: "mine"}})
    other = {"site": "plant-7", "example.com/name": "x"}
    assert other.items() <= at(one(render(CHART, {key: other}), "Deployment"), path).items()


@pytest.mark.parametrize(
    "strategy",
    [
        {"maxSurge": "1"},
        {"maxSurge": 0, "maxUnavailable": 1},
        {"maxSurge": "25%", "maxUnavailable": "0%"},
        {"type": "Recreate", "maxSurge": 0},
    ],
)
def test_a_strategy_that_can_replace_a_pod_is_taken(strategy: dict[str, Any]) -> None:
    assert one(render(CHART, {"strategy": strategy}), "Deployment")
