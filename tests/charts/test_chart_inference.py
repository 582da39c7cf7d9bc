"""edge-inference: each knob does what it says, and what makes no sense is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from helm_support import at, environment, main_pod, names, one, refusal, render

pytestmark = pytest.mark.charts
CHART = "edge-inference"
DIGEST = "sha256:" + "0f" * 32
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"


@pytest.mark.parametrize(
    ("values", "path", "wanted"),
    [
        pytest.param({}, f"{CONTAINER}.image", "localhost/edge-model-dock:1.0.0", id="image"),
        pytest.param({"model": {"name": "belt"}}, f"{CONTAINER}.image", "localhost/edge-model-belt:1.0.0", id="model-name"),
        pytest.param({"model": {"version": "1.0.0+b.2"}}, f"{CONTAINER}.image", "localhost/edge-model-dock:1.0.0_b.2", id="build"),
        pytest.param({"image": {"tag": "x"}}, f"{CONTAINER}.image", "localhost/edge-model-dock:x", id="tag"),
        pytest.param({"image": {"tag": "x", "digest": DIGEST}}, f"{CONTAINER}.image", f"localhost/edge-model-dock@{DIGEST}", id="digest"),
        pytest.param({"image": {"registry": "a", "repository": "b/c"}}, f"{CONTAINER}.image", "a/b/c:1.0.0", id="repository"),
        pytest.param({"global": {"imageRegistry": "far:5000/"}}, f"{CONTAINER}.image", "far:5000/edge-model-dock:1.0.0", id="global-registry"),
        pytest.param({"image": {"pullPolicy": "Never"}}, f"{CONTAINER}.imagePullPolicy", "Never", id="pull-policy"),
        pytest.param({"imagePullSecrets": [{"name": "s"}]}, f"{POD}.imagePullSecrets", [{"name": "s"}], id="pull-secrets"),
        pytest.param({"replicas": 0}, "spec.replicas", 0, id="no-replicas"),
        pytest.param({"revisionHistoryLimit": 0}, "spec.revisionHistoryLimit", 0, id="no-history"),
        pytest.param({"strategy": {"type": "Recreate"}}, "spec.strategy", {"type": "Recreate"}, id="recreate"),
        pytest.param({"strategy": {"maxSurge": 0, "maxUnavailable": "100%"}}, "spec.strategy.rollingUpdate", {"maxSurge": 0, "maxUnavailable": "100%"}, id="no-surge"),
        pytest.param({"probes": {"readiness": {"initialDelaySeconds": 0, "periodSeconds": 7}}}, f"{CONTAINER}.readinessProbe.periodSeconds", 7, id="probe"),
        pytest.param({"priorityClassName": "high"}, f"{POD}.priorityClassName", "high", id="priority"),
        pytest.param({"runtimeClassName": "nvidia"}, f"{POD}.runtimeClassName", "nvidia", id="runtime-class"),
        pytest.param({"nodeSelector": {"kubernetes.io/arch": "arm64"}}, f"{POD}.nodeSelector", {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}, id="arch"),
        pytest.param({"nodeLossTolerationSeconds": 0}, f"{POD}.tolerations.0.tolerationSeconds", 0, id="evict-at-once"),
        pytest.param({"podAnnotations": {"a": "b"}}, "spec.template.metadata.annotations", {"a": "b"}, id="annotations"),
        pytest.param({"extraContainers": [{"name": "x", "image": "y"}]}, f"{POD}.containers.1.name", "x", id="sidecar"),
        pytest.param({"extraVolumes": [{"name": "x", "emptyDir": {}}]}, f"{POD}.volumes.2.name", "x", id="volume"),
        pytest.param({"extraVolumeMounts": [{"name": "x", "mountPath": "/x"}]}, f"{CONTAINER}.volumeMounts.2.mountPath", "/x", id="mount"),
        pytest.param({"extraEnvFrom": [{"secretRef": {"name": "x"}}]}, f"{CONTAINER}.envFrom", [{"secretRef": {"name": "x"}}], id="env-from"),
        pytest.param({"tmpSizeLimit": "1Gi"}, f"{POD}.volumes.0.emptyDir.sizeLimit", "1Gi", id="tmp"),
        pytest.param({"graphCache": {"claim": "c"}}, f"{POD}.volumes.1.persistentVolumeClaim.claimName", "c", id="cache-claim"),
        pytest.param({"resources": {"limits": {"example.com/gpu": 1}}}, f"{CONTAINER}.resources.limits", {"cpu": "1", "memory": "384Mi", "example.com/gpu": 1}, id="device"),
    ],
)  # fmt: skip
def test_knob(values: dict[str, Any], path: str, wanted: Any) -> None:
    deployment = one(render(CHART, values), "Deployment")
    assert at(deployment, path) == wanted


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"modle": {}}, "additional properties 'modle' not allowed", id="typo-on-top"),
        pytest.param({"model": {"verison": "1"}}, "'verison' not allowed", id="typo-below"),
        pytest.param({"settings": {"maxQeue": 1}}, "'maxQeue' not allowed", id="typo-in-settings"),
        pytest.param({"settings": {"port": 1}}, "'port' not allowed", id="setting-of-the-chart"),
        pytest.param({"settings": {"maxQueue": "many"}}, "/settings/maxQueue", id="setting-type"),
        pytest.param({"resources": {"limit": {}}}, "'limit' not allowed", id="typo-in-resources"),
        pytest.param({"probes": {"readiness": {"period": 1}}}, "'period' not allowed", id="typo-in-probe"),
        pytest.param({"networkPolicy": {"clients": {"a": {"pods": {}}}}}, "'pods' not allowed", id="typo-in-peer"),
        pytest.param({"model": {"version": ""}}, "model.version is required", id="no-version"),
        pytest.param({"model": {"name": "Belt"}}, "model.name: want at most 63", id="no-label"),
        pytest.param({"model": {"source": "http"}}, "/model/source", id="unknown-source"),
        pytest.param({"model": {"source": "volume"}}, "set model.volume.claim", id="volume-without-claim"),
        pytest.param({"model": {"source": "oci"}, "networkPolicy": {"enabled": False}}, "set model.oci.reference", id="oci-without-reference"),
        pytest.param({"model": {"source": "oci", "oci": {"reference": "r/m"}}}, "set model.oci.registryCidrs", id="oci-without-way-out"),
        pytest.param({"candidate": {"enabled": True}}, "candidate.version is required", id="candidate-without-version"),
        pytest.param({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "choose one", id="both-monitors"),
        pytest.param({"autoscaling": {"enabled": True, "minReplicas": 3}}, "minReplicas is above", id="scale"),
        pytest.param({"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": 0}}, "/autoscaling/target", id="scale-at-0"),
        pytest.param({"strategy": {"type": "Rolling"}}, "/strategy/type", id="strategy"),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], told: str) -> None:
    assert told in refusal(CHART, values)


def test_the_service_is_told_what_it_must_find() -> None:
    digest = "a1" * 32
    found = environment(main_pod(render(CHART, {"model": {"sha256": digest}}))["containers"][0])
    assert (found["EDGE_EXPECT_NAME"], found["EDGE_EXPECT_VERSION"]) == ("dock", "1.0.0")
    assert found["EDGE_EXPECT_SHA256"] == digest
    assert "EDGE_EXPECT_SHA256" not in environment(main_pod(render(CHART))["containers"][0])


def test_preflight_is_the_new_version_under_the_same_conditions() -> None:
    manifests = render(CHART, {"settings": {"threads": 2}, "nodeSelector": {"x": "y"}})
    job, pod = one(manifests, "Job", "dock-preflight"), main_pod(manifests)
    asks = at(job, CONTAINER)
    serves = pod["containers"][0]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-failed"
    assert (job["spec"]["backoffLimit"], job["spec"]["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert asks["args"] == ["--check", *serves["args"]]
    same = ("image", "resources", "volumeMounts", "securityContext")
    assert {key: asks[key] for key in same} == {key: serves[key] for key in same}
    alike = ("nodeSelector", "tolerations", "volumes", "securityContext")
    assert {key: at(job, POD)[key] for key in alike} == {key: pod[key] for key in alike}
    assert environment(asks)["EDGE_THREADS"] == environment(serves)["EDGE_THREADS"] == "2"
    assert "serviceAccountName" not in at(job, POD), "there is none before the first install"


@pytest.mark.parametrize(("budget", "wanted"), [(True, "true"), (False, "false")])
def test_preflight_budget_can_be_left_to_the_pod(budget: bool, wanted: str) -> None:
    manifests = render(CHART, {"preflight": {"budget": budget}})
    assert environment(at(one(manifests, "Job", "dock-preflight"), CONTAINER))["EDGE_BUDGET"] == wanted
    assert "EDGE_BUDGET" not in environment(main_pod(manifests)["containers"][0])


def test_without_preflight_there_is_none() -> None:
    manifests = render(CHART, {"preflight": {"enabled": False}, "candidate": {"enabled": True, "version": "1.1.0"}})
    assert names(manifests, "Job") == []
    assert "dock-preflight" not in names(manifests, "NetworkPolicy")


def test_helm_test_asks_the_service_by_its_name() -> None:
    manifests = render(CHART, {"service": {"port": 80}})
    pod = one(manifests, "Pod", "dock-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["args"] == ["--ask", "http://dock.edge:80", "/model"]
    assert at(one(manifests, "Service"), "spec.ports.0") == {"name": "http", "port": 80, "targetPort": "http"}


def test_helm_test_finds_a_place_on_a_box_that_is_full_and_asks_for_no_device() -> None:
    limits = {"example.com/npu": 1, "memory": "2Gi"}
    manifests = render(CHART, {"resources": {"limits": limits, "requests": {"memory": "1Gi"}}})
    test = one(manifests, "Pod", "dock-test")["spec"]
    for container in (*test["initContainers"], *test["containers"]):
        assert container["resources"] == {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        }
    chosen = {"test": {"resources": {"limits": {"memory": "256Mi"}}}}
    assert at(one(render(CHART, chosen), "Pod", "dock-test"), "spec.containers.0.resources.limits.memory") == "256Mi"


def test_a_candidate_keeps_the_limits_that_it_was_not_given() -> None:
    chosen = {"enabled": True, "version": "1.1.0", "resources": {"limits": {"cpu": "2"}}}
    container = one(render(CHART, {"candidate": chosen}), "Deployment", "dock-candidate")["spec"]["template"]["spec"]
    limits = container["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "2", "memory": "384Mi"}


def test_candidate_is_a_second_release_of_everything_that_matters() -> None:
    chosen = {
        "enabled": True,
        "version": "1.1.0",
        "sha256": "b2" * 32,
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
    }
    manifests = render(CHART, {"candidate": chosen, "replicas": 3})
    deployment = one(manifests, "Deployment", "dock-candidate")
    container = at(deployment, CONTAINER)
    assert container["image"] == "localhost/edge-model-dock:1.1.0"
    assert environment(container)["EDGE_EXPECT_VERSION"] == "1.1.0"
    assert environment(container)["EDGE_EXPECT_SHA256"] == "b2" * 32
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert deployment["spec"]["replicas"] == 1
    assert one(manifests, "Service", "dock-candidate")["spec"]["selector"]["app.kubernetes.io/component"] == "candidate"
    assert names(manifests, "Job") == ["dock-candidate-preflight", "dock-preflight"]
    assert names(manifests, "Pod") == ["dock-candidate-test", "dock-test"]


def test_candidate_leaves_the_stable_version_alone() -> None:
    alone, beside = render(CHART), render(CHART, {"candidate": {"enabled": True, "version": "1.1.0"}})
    assert one(alone, "Deployment") == one(beside, "Deployment")
    assert one(alone, "Service") == one(beside, "Service")


def test_autoscaler_owns_the_replicas() -> None:
    manifests = render(CHART, {"autoscaling": {"enabled": True, "minReplicas": 2}})
    assert "replicas" not in one(manifests, "Deployment")["spec"]
    assert one(manifests, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert names(manifests, "PodDisruptionBudget") == ["dock"]


@pytest.mark.parametrize(("replicas", "wanted"), [(0, []), (1, []), (2, ["dock"])])
def test_disruption_budget_never_guards_a_single_pod(replicas: int, wanted: list[str]) -> None:
    assert names(render(CHART, {"replicas": replicas}), "PodDisruptionBudget") == wanted


@pytest.mark.parametrize("given", [{}, {"labelSelector": {"matchLabels": {"mine": "x"}}}])
def test_spread_selects_our_pods_unless_told_otherwise(given: dict[str, Any]) -> None:
    rule = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **given}
    deployment = one(render(CHART, {"topologySpreadConstraints": [rule]}), "Deployment")
    found = at(deployment, f"{POD}.topologySpreadConstraints.0")["labelSelector"]
    assert found == given.get("labelSelector", deployment["spec"]["selector"])


def test_no_service_account_of_its_own_means_the_default_one() -> None:
    manifests = render(CHART, {"serviceAccount": {"create": False}})
    assert names(manifests, "ServiceAccount") == []
    assert main_pod(manifests)["serviceAccountName"] == "default"
