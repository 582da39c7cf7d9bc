"""Upgrades good and bad under load: a bad model never gets traffic, and no request fails."""

from __future__ import annotations

import json
import time

import pytest

from e2e.clients import changes, load, versions
from e2e.cluster import Cluster, until
from e2e.releases import DETECTOR, model_version, serving, uids, upgrade, upgrade_words

pytestmark = pytest.mark.e2e
ZEROS = "0" * 64


def test_helm_test_asks_a_golden_sample_through_the_service(models: Cluster) -> None:
    done = models.helm("test", DETECTOR, "--logs", timeout=120)
    assert "golden samples answered by http://" in done.stdout


def test_an_upgrade_under_load_fails_no_request_and_changes_the_version_once(models: Cluster) -> None:
    with load(models, DETECTOR, clients=8) as clients:
        clients.settle("1.0.0")
        upgrade(models, DETECTOR, "model.version=1.1.0")
        clients.settle("1.1.0")
        lines = clients.end()
    assert changes(lines) == [1] * 8, "each client saw the version change once"
    assert versions(lines) == {"1.0.0", "1.1.0"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["model.version=1.2.0"], "golden 001: output"),
        (["model.version=1.3.0"], "budget.p95_ms: want at most 0.01"),
        (["model.version=1.1.0", f"model.sha256={ZEROS}"], f"expect_sha256: want {ZEROS}"),
        (["model.version=9.9.9", "preflight.activeDeadlineSeconds=15"], "pre-upgrade hooks failed"),
    ],
    ids=["golden", "budget", "hash", "no-image"],
)
def test_a_bad_version_is_refused_before_it_gets_traffic(models: Cluster, values: list[str], reason: str) -> None:
    pods = uids(serving(models, DETECTOR))
    with load(models, DETECTOR, clients=2) as clients:
        begun = time.monotonic()
        done = upgrade(models, DETECTOR, *values, check=False)
        print(f"refused after {time.monotonic() - begun:.1f} s")
        clients.settle("1.0.0")
        lines = clients.end()
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert reason in said, said
    assert versions(lines) == {"1.0.0"}
    assert uids(serving(models, DETECTOR)) == pods, "the running pod was never touched"
    assert_rolled_back(models)
    if "9.9.9" in values[0]:
        events = models.kubectl("get", "events", "--field-selector", "reason=Failed")
        assert f"edge-model-{DETECTOR}:9.9.9" in events, "why it could not be pulled is told where people look"


def assert_rolled_back(cluster: Cluster) -> None:
    assert model_version(cluster, DETECTOR) == "1.0.0"
    (release,) = json.loads(cluster.helm("list", "--filter", f"^{DETECTOR}$", "-o", "json").stdout)
    assert release["status"] == "deployed"


def test_without_a_preflight_the_pod_itself_refuses_and_helm_rolls_back(models: Cluster) -> None:
    pods = uids(serving(models, DETECTOR))
    values = ("model.version=1.2.0", "preflight.enabled=false")
    words = upgrade_words(DETECTOR, *values, timeout="25s")
    with load(models, DETECTOR, clients=2) as clients:
        with models.start("helm", "-n", "edge-e2e", *words) as helm:
            until(lambda: "golden 001: output" in log_of_new_pod(models, pods), "the new pod says why", 25)
            said, _ = helm.communicate(timeout=120)
        clients.settle("1.0.0")
        lines = clients.end()
    assert helm.returncode != 0, said
    assert versions(lines) == {"1.0.0"}
    assert uids(serving(models, DETECTOR)) == pods
    assert_rolled_back(models)


def log_of_new_pod(cluster: Cluster, known: set[str]) -> str:
    """Return what a pod that is not among the `known` has logged, in its container and in the one before."""
    new = [pod["metadata"]["name"] for pod in serving(cluster, DETECTOR) if pod["metadata"]["uid"] not in known]
    return "".join(
        cluster.kubectl("logs", name, "-c", "inference", *previous, check=False)
        for name in new for previous in ((), ("--previous",))
    )  # fmt: skip


def test_every_release_says_what_it_runs(models: Cluster) -> None:
    found = json.loads(models.helm("list", "-o", "json").stdout)
    assert {each["name"]: each["status"] for each in found}.items() >= {
        DETECTOR: "deployed",
        "pump-failure": "deployed",
    }.items()
