"""edge-inference: when told so, a rollback asks the revision that it goes back to, before the running one is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_support import CHARTS, ROOT, at, environment, names, one, render, run

pytestmark = pytest.mark.charts
CHART = "edge-inference"
POD = "spec.template.spec"
ASKED: dict[str, Any] = {"preflight": {"rollback": True}}
OCI: dict[str, Any] = {"source": "oci", "oci": {"reference": "r/m:1", "registryCidrs": {"r": "10.0.0.9/32"}}}
CACHED = {**OCI, "oci": {**OCI["oci"], "cacheClaim": "models"}}


def _hooks(manifest: dict[str, Any]) -> set[str]:
    return set(manifest["metadata"]["annotations"]["helm.sh/hook"].split(","))


def test_it_is_the_preflight_of_that_revision_without_its_budget() -> None:
    manifests = render(CHART, ASKED)
    before, back = one(manifests, "Job", "dock-preflight"), one(manifests, "Job", "dock-rollback")
    assert (_hooks(before), _hooks(back)) == ({"pre-install", "pre-upgrade"}, {"pre-rollback"})
    asked, again = at(before, f"{POD}.containers.0"), at(back, f"{POD}.containers.0")
    assert environment(again) == environment(asked) | {"EDGE_BUDGET": "false"}
    assert again | {"env": asked["env"]} == asked
    rest = {"containers": None}
    assert at(back, POD) | rest == at(before, POD) | rest
    assert back["spec"] | {"template": None} == before["spec"] | {"template": None}


def test_it_leaves_the_refused_job_and_its_log_and_may_come_again() -> None:
    manifests = render(CHART, {**ASKED, "candidate": {"enabled": True, "version": "1.1.0"}})
    assert names(manifests, "Job") == ["dock-candidate-preflight", "dock-preflight", "dock-rollback"]
    for name in names(manifests, "Job"):
        annotations = one(manifests, "Job", name)["metadata"]["annotations"]
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        assert annotations["helm.sh/hook-output-log-policy"] == "hook-failed"


def test_no_hook_job_stays_for_ever() -> None:
    manifests = render(CHART, {"preflight": {"rollback": True, "ttlSecondsAfterFinished": 60}})
    assert [one(manifests, "Job", name)["spec"]["ttlSecondsAfterFinished"] for name in names(manifests, "Job")] == [
        60,
        60,
    ]
    assert one(render(CHART, ASKED), "Job", "dock-rollback")["spec"]["ttlSecondsAfterFinished"] == 86400


def test_its_policy_is_there_before_it() -> None:
    policy = one(render(CHART, ASKED), "NetworkPolicy", "dock-preflight")
    assert _hooks(policy) == {"pre-install", "pre-upgrade", "pre-rollback"}
    labels = at(one(render(CHART, ASKED), "Job", "dock-rollback"), "spec.template.metadata.labels")
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    weights = [
        int(one(render(CHART, ASKED), kind, name)["metadata"]["annotations"]["helm.sh/hook-weight"])
        for kind, name in (("NetworkPolicy", "dock-preflight"), ("Job", "dock-rollback"))
    ]
    assert weights == sorted(set(weights))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        pytest.param({}, False, id="default"),
        pytest.param(ASKED, True, id="on"),
        pytest.param({"preflight": {"rollback": True, "budget": False}}, True, id="no-budget"),
        pytest.param({"preflight": {"rollback": True, "enabled": False}}, False, id="no-preflight"),
        pytest.param({**ASKED, "model": CACHED}, True, id="artifact-on-the-node"),
        pytest.param({**ASKED, "model": OCI}, False, id="artifact-only-in-the-registry"),
    ],
)
def test_it_is_there_only_when_asked_for_and_never_hangs_on_a_registry(values: dict[str, Any], wanted: bool) -> None:
    manifests = render(CHART, values)
    assert ("dock-rollback" in names(manifests, "Job")) == wanted
    asked = [
        each for each in manifests if "pre-rollback" in each["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    ]
    assert bool(asked) == wanted


def _notes(tmp_path: Path, values: dict[str, Any]) -> str:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    done: subprocess.CompletedProcess[str] = run(
        "helm", "install", "dock", str(CHARTS / CHART), "-n", "edge", "--dry-run=client", f"--values={file}"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (ASKED, "Its golden samples are asked first: it is refused again"),
        ({}, "its pod does not get ready, and the one that runs answers on"),
        ({"strategy": {"type": "Recreate"}}, "even a refused one, and with this strategy nothing answers then"),
        ({"strategy": {"maxSurge": 0, "maxUnavailable": 1}}, "even a refused one, and with this strategy nothing"),
    ],
)
def test_notes_name_the_revision_and_say_what_a_bare_rollback_does(
    tmp_path: Path, values: dict[str, Any], told: str
) -> None:
    notes = _notes(tmp_path, {"model": {"version": "1.0.0"}, **values})
    assert "helm history dock -n edge" in notes and "helm rollback dock REVISION -n edge" in notes
    assert told in notes


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        pytest.param({}, 210, id="default"),
        pytest.param({"preflight": {"activeDeadlineSeconds": 400}}, 430, id="slow-pull"),
        pytest.param({"preflight": {"enabled": False}}, 90, id="start-alone"),
        pytest.param({"minReadySeconds": 300}, 390, id="long-ready"),
        pytest.param({"guard": {"enabled": True}}, 300, id="guard"),
        pytest.param({"guard": {"enabled": False, "activeDeadlineSeconds": 500}}, 210, id="no-guard"),
    ],
)
def test_notes_tell_the_least_timeout(tmp_path: Path, values: dict[str, Any], seconds: int) -> None:
    notes = _notes(tmp_path, {"model": {"version": "1.0.0"}, **values})
    assert f"Helm's --timeout: from {seconds}s on, below 900s" in notes


SHA, DIGEST = "0f" * 32, "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"model": {"sha256": SHA}}, "pinned to 1.0.0: model.sha256.", id="hash"),
        pytest.param({"image": {"digest": DIGEST}}, "pinned to 1.0.0: image.digest.", id="digest"),
        pytest.param({"image": {"tag": "x", "digest": DIGEST}}, "1.0.0: image.digest, image.tag.", id="tag"),
        pytest.param({"model": {**CACHED, "oci": {**CACHED["oci"], "digest": DIGEST}}}, "1.0.0: model.oci.digest.", id="oci"),
        pytest.param({"model": CACHED, "image": {"tag": "x", "digest": DIGEST}}, "", id="runtime-of-any-version"),
        pytest.param({}, "", id="nothing"),
    ],
)  # fmt: skip
def test_notes_tell_which_pins_go_with_the_version(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    model = {"version": "1.0.0", **values.get("model", {})}
    notes = _notes(tmp_path, {**values, "model": model})
    assert (told in notes) if told else ("pinned" not in notes)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        pytest.param({"version": "1.1.0"}, "expect_version: want 1.1.0, found 1.0.0 in", id="image-of-another-version"),
        pytest.param(
            {"version": "1.0.0", "sha256": SHA}, f"expect_sha256: want {SHA}, found", id="hash-of-another-version"
        ),
    ],
)
def test_a_pin_that_was_left_from_another_version_is_refused_with_what_to_do(model: dict[str, str], told: str) -> None:
    job = one(render(CHART, {"model": {"name": "pump-failure", **model}}), "Job", "dock-preflight")
    given = {key: text for key, text in environment(at(job, f"{POD}.containers.0")).items() if key != "EDGE_CACHE_DIR"}
    program = Path(sys.executable).with_name("edge-inference")
    done = subprocess.run(
        [program, "--check", ROOT / "models/pump-failure"],
        capture_output=True, text=True, timeout=60, check=False, env=given,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert told in done.stderr and "a pinned tag, digest or sha256 has to be set anew" in done.stderr
