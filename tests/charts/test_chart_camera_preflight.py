"""camera-ingest: before anything changes, the new config is read, its secrets are looked for and its model asked for."""

from __future__ import annotations

from typing import Any

import pytest

from helm_support import at, main_pod, merged, names, one, render

pytestmark = pytest.mark.charts
CHART = "camera-ingest"
JOBS = ["dock-preflight", "dock-rollback"]
BACK = {"preflight": {"rollback": True}}
SECRET: dict[str, Any] = {
    **BACK,
    "cameras": {"dock-3": {"credentials": "/run/secrets/dock-3"}},
    "secretFiles": {"dock-3": {"existingSecret": "cameras", "key": "dock"}},
}


def _pod(manifests: list[dict[str, Any]], job: str) -> dict[str, Any]:
    spec: dict[str, Any] = at(one(manifests, "Job", job), "spec.template.spec")
    return spec


@pytest.mark.parametrize("job", JOBS)
def test_it_reads_the_new_config_in_the_pod_s_own_surroundings(job: str) -> None:
    manifests = render(CHART, SECRET)
    spec, pod = _pod(manifests, job), main_pod(manifests)
    text = one(manifests, "ConfigMap")["data"]["cameras.toml"]
    assert one(manifests, "ConfigMap", "dock-preflight")["data"]["cameras.toml"] == text
    assert spec["volumes"][0] == {"name": "config", "configMap": {"name": "dock-preflight"}}
    mounts = [each["containers"][0]["volumeMounts"] for each in (spec, pod)]
    assert mounts[0] == mounts[1]
    mine = one(manifests, "ConfigMap", "dock-preflight")["metadata"]["annotations"]
    assert int(mine["helm.sh/hook-weight"]) < int(
        one(manifests, "Job", job)["metadata"]["annotations"]["helm.sh/hook-weight"]
    )


def test_a_missing_secret_keeps_the_pod_from_starting_but_not_the_check_that_names_it() -> None:
    def sources(spec: dict[str, Any]) -> Any:
        return next(each for each in spec["volumes"] if each["name"] == "secrets")["projected"]["sources"]

    manifests = render(CHART, SECRET)
    secret = {"name": "cameras", "items": [{"key": "dock", "path": "dock-3"}]}
    assert sources(main_pod(manifests)) == [{"secret": secret}]
    for job in JOBS:
        assert sources(_pod(manifests, job)) == [{"secret": {**secret, "optional": True}}]
        args = _pod(manifests, job)["containers"][0]["args"]
        assert args[args.index("--needs") + 1] == (
            "/run/secrets/dock-3=key dock of Secret cameras (secretFiles.dock-3, for camera dock-3); "
            "see kubectl -n edge describe secret cameras"
        )


def test_a_needed_file_names_all_who_need_it() -> None:
    path = "/run/secrets/x"
    chosen = {
        "cameras": {"dock-3": {"credentials": path}, "gate": {"url": "rtsp://10.0.0.1/x", "capture": {"ca": path}}},
        "sinks": {"mqtt": {"url": "mqtts://10.0.0.2", "ca": path}},
        "secretFiles": {"x": {"existingSecret": "s", "key": "k"}, "idle": {"existingSecret": "s", "key": "k"}},
    }
    args = " ".join(_pod(render(CHART, chosen), "dock-preflight")["containers"][0]["args"])
    assert "for camera dock-3, camera gate, sink mqtt)" in args and "(secretFiles.idle, for nobody)" in args


def test_it_asks_for_the_model_and_may_reach_nothing_else() -> None:
    manifests = render(CHART)
    assert "--ask-model" in _pod(manifests, "dock-preflight")["containers"][0]["args"]
    ports = [each["ports"][0]["port"] for each in one(manifests, "NetworkPolicy", "dock-preflight")["spec"]["egress"]]
    assert ports == [53, 8080]
    quiet = render(CHART, {"preflight": {"askModel": False}})
    assert "--ask-model" not in _pod(quiet, "dock-preflight")["containers"][0]["args"]
    assert "egress" not in one(quiet, "NetworkPolicy", "dock-preflight")["spec"]


def test_the_way_back_is_open_while_no_model_can_be_asked() -> None:
    args = _pod(render(CHART, SECRET), "dock-rollback")["containers"][0]["args"]
    assert args[:2] == ["check", "/etc/edge/cameras.toml"] and "--needs" in args and "--ask-model" not in args


def test_helm_s_own_rollback_waits_for_no_job_unless_it_was_asked_for() -> None:
    """Where a pre-rollback hook's pod finds no place, the release is left `pending-rollback`."""
    hooks = [each["metadata"].get("annotations", {}).get("helm.sh/hook", "") for each in render(CHART)]
    assert not [each for each in hooks if "rollback" in each]


def test_a_rollback_reads_the_revision_that_it_goes_back_to() -> None:
    def hooks(manifests: list[dict[str, Any]], kind: str, name: str) -> set[str]:
        return set(one(manifests, kind, name)["metadata"]["annotations"]["helm.sh/hook"].split(","))

    manifests = render(CHART, BACK)
    before = {"pre-install", "pre-upgrade"}
    # Names of their own: the rollback of a refused upgrade must not take the refused one's log away.
    assert hooks(manifests, "Job", "dock-preflight") == before
    assert hooks(manifests, "Job", "dock-rollback") == {"pre-rollback"}
    for kind in ("ConfigMap", "NetworkPolicy"):
        assert hooks(manifests, kind, "dock-preflight") == before | {"pre-rollback"}
    without = render(CHART)
    assert names(without, "Job") == ["dock-preflight"]
    assert hooks(without, "ConfigMap", "dock-preflight") == before


def test_without_preflight_there_is_none() -> None:
    manifests = render(CHART, {"preflight": {"enabled": False}})
    assert names(manifests, "Job") == []
    assert names(manifests, "ConfigMap") == ["dock"]


@pytest.mark.parametrize("job", JOBS)
def test_a_failed_job_does_not_stay_for_ever(job: str) -> None:
    values = merged(BACK, {"preflight": {"ttlSecondsAfterFinished": 600, "activeDeadlineSeconds": 30}})
    spec = one(render(CHART, values), "Job", job)["spec"]
    assert (spec["ttlSecondsAfterFinished"], spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (600, 30, 0)


def test_the_image_s_pull_fits_into_its_time() -> None:
    """99 MB at 3 Mbit/s, as docs/sizing.md reckons for the runtime's image."""
    assert one(render(CHART), "Job", "dock-preflight")["spec"]["activeDeadlineSeconds"] >= 99 * 8 / 3
