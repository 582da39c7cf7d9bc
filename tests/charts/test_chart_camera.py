"""camera-ingest: the config file as the service reads it, secrets as files, and one pod with its volume."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_camera.config import Config
from helm_support import CASES, at, environment, main_pod, merged, names, one, refusal, render

pytestmark = pytest.mark.charts
CHART = "camera-ingest"
TWO = dict(CASES_FILE for CASES_FILE in [(path.stem, path) for chart, path in CASES if chart == CHART])[
    "two-cameras-values"
]
SECRET: dict[str, Any] = {
    "cameras": {"dock-3": {"credentials": "/run/secrets/dock-3"}},
    "secretFiles": {"dock-3": {"existingSecret": "cameras", "key": "dock"}},
}


def _text(manifests: list[dict[str, Any]], name: str = "dock") -> str:
    text: str = one(manifests, "ConfigMap", name)["data"]["cameras.toml"]
    return text


def _config(values: dict[str, Any] | None = None, file: Path | None = None) -> Config:
    return msgspec.convert(tomllib.loads(_text(render(CHART, values, file=file))), Config)


def test_the_config_is_what_the_service_reads() -> None:
    config = _config(file=TWO)
    dock, gate = config.camera
    assert (dock.name, dock.url, dock.fps, dock.credentials) == (
        "dock-3",
        "rtsp://192.168.1.20:8554/stream1",
        5,
        "/run/secrets/dock-3",
    )
    assert (gate.name, gate.fps, gate.capture.transport) == ("gate-1", 2.5, "udp")
    assert dock.motion.enabled and dock.motion.min_area == 0.002
    assert dock.mask == (((0.0, 0.0), (0.2, 0.0), (0.2, 1.0), (0.0, 1.0)),)
    assert (config.inference.url, config.inference.deadline_ms) == ("http://belt-detector:8080", 400)
    assert config.inference.candidate is not None
    assert config.inference.candidate.url == "http://belt-detector-candidate:8080"
    assert (config.inference.candidate.mode, config.inference.candidate.share) == ("split", 0.2)
    assert config.alert["person-at-night"].hours == "22:00-05:00"
    assert config.sinks.stdout and config.sinks.spool is not None
    assert config.sinks.spool.path == "/var/lib/edge/spool"
    assert config.sinks.mqtt is not None and config.sinks.mqtt.credentials == "/run/secrets/broker"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param('rtsp://10.0.0.1/a"b\\c', id="quotes"),
        pytest.param("rtsp://10.0.0.1/<ä>&x=1", id="not-ascii"),
        pytest.param("/clips/line\nbreak.mp4", id="line-break"),
        pytest.param("/clips/[[camera]]", id="toml"),
    ],
)
def test_a_text_arrives_as_it_was(url: str) -> None:
    assert _config({"cameras": {"dock-3": {"url": url}}}).camera[0].url == url


@pytest.mark.parametrize("number", [0.5, 3, 1e-5, 0.1, 239.999])
def test_a_number_arrives_as_it_was(number: float) -> None:
    assert _config({"cameras": {"dock-3": {"motion": {"min_area": number}}}}).camera[0].motion.min_area == number


def test_a_large_whole_number_stays_whole() -> None:
    spool = _config(
        {"spool": {"max_bytes": 5_368_709_120, "fsync": "event"}, "persistence": {"size": "6Gi"}}
    ).sinks.spool
    assert spool is not None and (spool.max_bytes, spool.fsync) == (5_368_709_120, "event")


def test_without_a_spool_there_is_none() -> None:
    assert _config({"spool": {"enabled": False}}).sinks.spool is None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"cameras": {"dock-3": {"fpss": 1}}}, "'fpss' not allowed", id="typo-in-camera"),
        pytest.param({"cameras": {"dock-3": {"motion": {"min_aera": 1}}}}, "'min_aera' not allowed", id="typo-in-motion"),
        pytest.param({"cameras": {"dock-3": {"fps": "five"}}}, "/cameras/dock-3/fps", id="type"),
        pytest.param({"cameras": {"Dock 3": {"url": "/x"}}}, 'cameras: want names of at most 63 lower-case letters, digits and dashes, no dash at the ends, found "Dock 3"', id="name"),
        pytest.param({"cameras": {"x": {}}}, "'url'", id="no-url"),
        pytest.param({"cameras": None}, "name at least one", id="no-camera"),
        pytest.param({"alerts": {"a": {"class": "x", "min_scor": 1}}}, "'min_scor' not allowed", id="typo-in-alert"),
        pytest.param({"alerts": {"a": {}}}, "'class'", id="alert-without-class"),
        pytest.param({"sinks": {"stdot": True}}, "'stdot' not allowed", id="typo-in-sinks"),
        pytest.param({"sinks": {"spool": {"path": "/x"}}}, "'spool' not allowed", id="spool-among-sinks"),
        pytest.param({"spool": {"path": "/x"}}, "'path' not allowed", id="spool-path"),
        pytest.param({"inference": {"deadline": 1}}, "'deadline' not allowed", id="typo-in-inference"),
        pytest.param({"inference": {"model": ""}}, "inference.model is required", id="no-model"),
        pytest.param({"inference": {"url": "http://u:p@h"}}, "inference.url: want http://HOST:PORT, found http://...", id="password-in-service"),
        pytest.param({"inference": {"candidate": {"mode": "both"}}}, "/inference/candidate/mode", id="mode"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://u:p@10.0.0.1/x"}}}, "want no user and password", id="password"),
        pytest.param({"cameras": {"dock-3": {"credentials": "/run/secrets/x"}}}, "add secretFiles.x", id="unknown-secret"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://cam.local/x"}}}, "set networkPolicy.cameraCidrs", id="no-way-to-camera"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://broker.lab"}}}, "set networkPolicy.sinkCidrs", id="no-way-to-sink"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://10.0.0.1", "ca": "/run/secrets/ca"}}}, "sinks.mqtt.ca: /run/secrets/ca is no file", id="unknown-ca"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://10.0.0.1", "qos": 2}}}, "'qos' not allowed", id="typo-in-mqtt"),
        pytest.param({"secretFiles": {"a": {"value": "hush"}}}, "'value' not allowed", id="secret-in-values"),
        pytest.param({"settings": {"gateway": "x"}}, "'gateway' not allowed", id="setting-of-the-chart"),
        pytest.param({"replicas": 2}, "/replicas", id="two-writers"),
        pytest.param({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}, "choose one", id="both-monitors"),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], told: str) -> None:
    said = refusal(CHART, values)
    assert told in said
    assert "u:p@" not in said, "a password is not repeated by the chart"


def test_a_changed_camera_restarts_nothing_and_a_changed_sink_does() -> None:
    def template(values: dict[str, Any]) -> Any:
        return one(render(CHART, values), "Deployment")["spec"]["template"]

    before = template({})
    assert template({"cameras": {"dock-3": {"fps": 2}, "new": {"url": "/x.mp4"}}}) == before
    assert template({"alerts": {"a": {"class": "x"}}}) == before
    assert template({"sinks": {"stdout": False}}) != before
    assert template({"spool": {"ttl_s": 60}}) != before


def test_secrets_are_files_of_one_folder() -> None:
    pod = main_pod(render(CHART, SECRET))
    volume = next(each for each in pod["volumes"] if each["name"] == "secrets")
    source = {"secret": {"name": "cameras", "items": [{"key": "dock", "path": "dock-3"}]}}
    assert volume["projected"] == {"defaultMode": 0o440, "sources": [source]}
    mount = next(each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "secrets")
    assert mount == {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True}, (
        "no subPath: a new password arrives"
    )
    assert not [each for each in render(CHART, SECRET) if each["kind"] == "Secret"]


def test_the_config_is_mounted_as_a_folder_so_that_it_changes_in_place() -> None:
    container = main_pod(render(CHART))["containers"][0]
    mount = next(each for each in container["volumeMounts"] if each["name"] == "config")
    assert "subPath" not in mount
    assert container["args"] == [f"{mount['mountPath']}/cameras.toml"]


def test_one_pod_at_a_time() -> None:
    deployment = one(render(CHART), "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment["spec"]["replicas"] == 1
    assert one(render(CHART, {"replicas": 0}), "Deployment")["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("persistence", "claims", "volume"),
    [
        pytest.param({}, ["dock"], {"persistentVolumeClaim": {"claimName": "dock"}}, id="own"),
        pytest.param({"existingClaim": "x"}, [], {"persistentVolumeClaim": {"claimName": "x"}}, id="existing"),
        pytest.param({"enabled": False}, [], {"emptyDir": {"sizeLimit": "1Gi"}}, id="none"),
    ],
)
def test_the_volume_of_the_spool(persistence: dict[str, Any], claims: list[str], volume: dict[str, Any]) -> None:
    manifests = render(CHART, {"persistence": persistence})
    assert names(manifests, "PersistentVolumeClaim") == claims
    assert {"name": "data", **volume} in main_pod(manifests)["volumes"]


def test_the_claim_outlives_the_release_unless_told_otherwise() -> None:
    kept = one(render(CHART), "PersistentVolumeClaim")["metadata"]
    assert kept["annotations"] == {"helm.sh/resource-policy": "keep"}
    chosen = {"keep": False, "storageClass": "local-path", "size": "512Mi"}
    claim = one(render(CHART, {"persistence": chosen}), "PersistentVolumeClaim")
    assert "annotations" not in claim["metadata"]
    assert (claim["spec"]["storageClassName"], at(claim, "spec.resources.requests.storage")) == ("local-path", "512Mi")


def test_the_gateway_is_the_node_unless_it_has_a_name() -> None:
    node = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert environment(main_pod(render(CHART))["containers"][0])["EDGE_GATEWAY"] == node
    assert environment(main_pod(render(CHART, {"gateway": "plant-7"}))["containers"][0])["EDGE_GATEWAY"] == "plant-7"


def test_more_than_one_file_of_values_lays_over() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}) == {"a": {"b": 3, "c": 2}}


def test_a_candidate_is_beside_its_service() -> None:
    config = _config({"inference": {"url": "http://detector:8080", "candidate": {"enabled": True}}})
    assert config.inference.candidate is not None
    assert config.inference.candidate.url == "http://detector-candidate:8080"
