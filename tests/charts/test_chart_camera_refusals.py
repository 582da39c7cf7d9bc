"""camera-ingest: what would go wrong later, or nowhere visibly, is refused with what is wanted instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_camera.sinks.file_config import FileConfig
from edge_camera.snapshots import SnapshotConfig
from helm_support import LEAST, _template, at, one, refusal, render

pytestmark = pytest.mark.charts
CHART = "camera-ingest"
MIB = 2**20
ROOM = {"size": "512Mi"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"sinks": {"mqtt": {"url": "broker:1883"}}}, "sinks.mqtt.url: want mqtt://HOST:PORT or mqtts://HOST:PORT, user and password in a file, found no scheme://", id="no-scheme"),
        pytest.param({"sinks": {"mqtt": {"url": "tcp://10.0.0.1:1883"}}}, "found tcp://...", id="other-scheme"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://10.0.0.1:port"}}}, "sinks.mqtt.url: want mqtt://HOST:PORT", id="no-port"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://u:hush@10.0.0.1"}}}, "user and password in a file, found mqtt://...", id="password"),
        pytest.param({"sinks": {"webhook": {"url": "10.0.0.1/events"}}}, "sinks.webhook.url: want http://HOST:PORT/PATH", id="webhook"),
        pytest.param({"cameras": {"dock-3": {"url": "rtps://10.0.0.1/x"}}}, "cameras.dock-3.url: want rtsp://HOST[:PORT]/PATH", id="camera-scheme"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://10.0.0.1:x/hush"}}}, "cameras.dock-3.url: want", id="camera-port"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://u:hush/x@10.0.0.1"}}}, "cameras.dock-3.url: want", id="camera-password"),
        pytest.param({"cameras": {"dock-3": {"capture": {"ca": "/run/secrets/ca"}}}}, "cameras.dock-3.capture.ca: /run/secrets/ca is no file", id="unknown-ca"),
        pytest.param({"inference": {"url": "detector:8080"}}, "inference.url: want http://HOST:PORT, found no scheme://", id="service"),
        pytest.param({"inference": {"candidate": {"url": "ftp://x"}}}, "inference.candidate.url: want", id="candidate"),
        pytest.param({"podLabels": {"app.kubernetes.io/name": "x"}}, "found app.kubernetes.io/name, which the chart sets", id="pod-label"),
        pytest.param({"commonLabels": {"helm.sh/chart": "x"}}, "found helm.sh/chart, which the chart sets", id="common-label"),
        pytest.param({"resources": {"limits": {"memmory": "1Gi"}}}, "'memmory'", id="resource-typo"),
        pytest.param({"resources": {"limts": {"memory": "1Gi"}}}, "'limts' not allowed", id="limits-typo"),
        pytest.param({"resources": {"limits": {"memory": "1GiB"}}}, "/resources/limits/memory", id="quantity"),
        pytest.param({"resources": {"requests": {"cpu": "250M"}}}, "/resources/requests/cpu", id="cpu"),
        pytest.param({"tmpSizeLimit": "64m"}, "/tmpSizeLimit", id="millibytes"),
        pytest.param({"persistence": {"size": "1GB"}}, "/persistence/size", id="size"),
        pytest.param({"persistence": {"size": "1m"}}, "/persistence/size", id="millibytes-of-volume"),
        pytest.param({"image": {"tag": "latest"}}, 'image.tag: want a tag that stays what it is, found "latest"', id="latest"),
        pytest.param({"image": {"tag": "a:b"}}, "image.tag: want at most 128 letters, digits, dots, dashes and underscores", id="tag"),
        pytest.param({"image": {"digest": "0f" * 32}}, "image.digest: want sha256: and 64 digits and letters a to f", id="digest"),
        pytest.param({"nameOverride": "Edge"}, 'nameOverride: want at most 63 lower-case letters, digits and dashes, no dash at the ends, found "Edge"', id="name"),
        pytest.param({"namespaceOverride": "a" * 64}, "namespaceOverride: want at most 63", id="namespace"),
        pytest.param({"fullnameOverride": "1st"}, "fullnameOverride: want a letter first", id="fullname"),
        pytest.param({"inference": {"model": "Belt"}}, "inference.model: want at most 63", id="model"),
        pytest.param({"alerts": {"at night": {"class": "x"}}}, 'alerts: want names of at most 63 lower-case letters, digits and dashes, no dash at the ends, found "at night"', id="alert"),
        pytest.param({"secretFiles": {"../x": {"existingSecret": "s", "key": "k"}}}, 'secretFiles: want names of files: a letter or digit first, then letters, digits, dots, dashes and underscores, found "../x"', id="secret-file"),
        pytest.param({"extraEnv": {"EDGE_VIEWERS": "2"}}, "extraEnv: want no EDGE_*, found 'EDGE_VIEWERS': set settings (EDGE_LOG_LEVEL is settings.logLevel)", id="setting-as-env"),
        pytest.param({"networkPolicy": {"cameraCidrs": {"x": "192.168.1.20"}}}, 'networkPolicy.cameraCidrs.x: want addresses such as 192.168.1.20/32 for one or 10.20.0.0/24 for a network, found "192.168.1.20"', id="camera-cidr"),
        pytest.param({"networkPolicy": {"sinkCidrs": {"x": {"cidr": "broker.lab", "port": 1}}}}, 'networkPolicy.sinkCidrs.x.cidr: want addresses such as 192.168.1.20/32 for one or 10.20.0.0/24 for a network, found "broker.lab"', id="sink-cidr"),
        pytest.param({"networkPolicy": {"cameraCidrs": {"x": "192.168.256.0/24"}}}, 'networkPolicy.cameraCidrs.x: want four numbers of 0 to 255 and a mask of at most 32 (IPv6: 128), found "192.168.256.0/24"', id="camera-cidr-octet"),
        pytest.param({"networkPolicy": {"cameraCidrs": {"x": "10/8"}}}, 'networkPolicy.cameraCidrs.x: want addresses such as', id="camera-cidr-short"),
        pytest.param({"networkPolicy": {"cameraCidrs": {"x": "fe/24"}}}, 'networkPolicy.cameraCidrs.x: want addresses such as', id="camera-cidr-letters"),
        pytest.param({"networkPolicy": {"sinkCidrs": {"x": {"cidr": "10.0.0.0/33", "port": 1}}}}, '(IPv6: 128), found "10.0.0.0/33"', id="sink-cidr-mask"),
        pytest.param({"networkPolicy": {"sinkCidrs": {"x": {"cidr": "fd00::/129", "port": 1}}}}, '(IPv6: 128), found "fd00::/129"', id="sink-cidr-ipv6"),
        pytest.param({"networkPolicy": {"sinkCidrs": {"x": {"cidr": "10.0.0.0/24", "port": 65536}}}}, "/networkPolicy/sinkCidrs/x/port", id="sink-port-range"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://192.168.1.256/hush"}}}, "cameras.dock-3.url: want an address of four numbers of 0 to 255, found 192.168.1.256", id="camera-octet"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://192.168.1.020/hush"}}}, "found 192.168.1.020", id="camera-octal"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://192.168.1.20:65536/hush"}}}, "cameras.dock-3.url: want a port of 1 to 65535, found 65536", id="camera-port-number"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://u:123456/hush@10.0.0.1"}}}, "want a port of 1 to 65535, found another, not shown: there is an @ in the URL", id="camera-password-of-digits"),
        pytest.param({"cameras": {"dock-3": {"url": "rtsp://[fd00::1]:0/hush"}}}, "want a port of 1 to 65535, found 0", id="camera-port-zero"),
        pytest.param({"inference": {"url": "http://10.0.0.300:8080"}}, "inference.url: want an address of four numbers of 0 to 255, found 10.0.0.300", id="service-octet"),
        pytest.param({"inference": {"url": "http://detector:123456"}}, "inference.url: want a port of 1 to 65535, found 123456", id="service-port"),
        pytest.param({"sinks": {"mqtt": {"url": "mqtt://10.0.0.1:99999999999999999999"}}}, "sinks.mqtt.url: want a port of 1 to 65535, found 99999999999999999999", id="sink-port"),
        pytest.param({"image": {"registry": "https://reg"}}, 'image.registry: want HOST[:PORT][/PATH] without https:// before it, such as registry.example:5000, found "https://reg"', id="registry-scheme"),
        pytest.param({"global": {"imageRegistry": "https://reg"}}, "global.imageRegistry: want HOST[:PORT][/PATH] without https://", id="global-registry-scheme"),
        pytest.param({"image": {"repository": "Edge/camera"}}, 'image.repository: want lower-case letters and digits, with dots, dashes, underscores and slashes between them, found "Edge/camera"', id="repository"),
        pytest.param({"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}}, "resources.requests.memory: want no more than limits.memory, 512Mi, found 1Gi", id="memory-above-limit"),
        pytest.param({"resources": {"requests": {"cpu": "1001m"}, "limits": {"cpu": 1}}}, "resources.requests.cpu: want no more than limits.cpu, 1, found 1001m", id="cpu-above-limit"),
        pytest.param({"networkPolicy": {"cameraPorts": {"x": 70000}}}, "/networkPolicy/cameraPorts/x", id="camera-port-range"),
    ],
)  # fmt: skip
def test_refused(values: dict[str, Any], told: str) -> None:
    said = refusal(CHART, values)
    assert told in said
    assert "hush" not in said, "a URL may hold a password"
    assert "pattern" not in said or told.startswith(("/", "'memmory'")), "only quantities are answered so"


@pytest.mark.parametrize("release", ["1st-hall", "hall.north"])
def test_a_release_that_no_service_can_be_named_after(release: str) -> None:
    done = _template(CHART, release, None, json.dumps(LEAST[CHART]))
    assert "release name: want a letter first" in done.stderr and f'found "{release}"' in done.stderr
    assert one(render(CHART, {"fullnameOverride": "hall"}, release=release), "Service", "hall")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"image": {"registry": "Reg.example:5000/edge/", "repository": "a__b/c.d-e"}}, id="names"),
        pytest.param({"image": {"registry": "", "repository": "registry.lab:5000/edge-camera"}}, id="all-in-one"),
        pytest.param({"global": {"imageRegistry": "[fd00::1]:5000"}}, id="registry-ipv6"),
        pytest.param({"inference": {"url": "http://255.255.255.255:65535"}}, id="last-address"),
        pytest.param({"inference": {"url": "http://007:8080"}}, id="host-that-is-a-number"),
        pytest.param({"inference": {"url": "http://3.detector.lab:1"}}, id="host-of-numbers-and-letters"),
        pytest.param({"networkPolicy": {"cameraCidrs": {"x": "0.0.0.0/0", "y": "fd00::/128"}}}, id="cidrs"),
        pytest.param({"resources": {"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": 2**30}}}, id="all-reserved"),
        pytest.param({"resources": {"requests": {"cpu": 0.7}, "limits": {"cpu": "700m"}}}, id="fraction"),
    ],
)  # fmt: skip
def test_the_last_that_is_right_is_taken(values: dict[str, Any]) -> None:
    assert one(render(CHART, values), "Deployment")


def test_a_device_is_a_resource_too() -> None:
    limits = {"squat.ai/video": 1, "ephemeral-storage": "1Gi"}
    found = at(
        one(render(CHART, {"resources": {"limits": limits}}), "Deployment"), "spec.template.spec.containers.0.resources"
    )
    assert limits.items() <= found["limits"].items()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"spool": {"max_bytes": 512 * MIB + 1}}, "spool.max_bytes 536870913, found 512Mi (536870912 bytes)", id="spool"),
        pytest.param(
            {"spool": {"max_bytes": 449 * MIB}, "sinks": {"snapshots": {"path": "/var/lib/edge/pictures"}}},
            "and sinks.snapshots.max_bytes 67108864, found", id="pictures",
        ),
        pytest.param(
            {"sinks": {"file": {"path": "/var/lib/edge/events", "max_bytes": 64 * MIB}}},
            "and sinks.file.max_bytes in 5 files 335544320, found", id="files",
        ),
        pytest.param(
            {"spool": {"enabled": False}, "sinks": {"file": {"path": "/var/lib/edge/events", "max_bytes": 600 * MIB, "keep": 0}}},
            "want room for sinks.file.max_bytes in 1 files", id="one-file",
        ),
        pytest.param({"persistence": {"enabled": False}, "spool": {"max_bytes": 513 * MIB}}, "found 512Mi", id="emptydir"),
        pytest.param({"persistence": {"size": "0.5G"}, "spool": {"max_bytes": 512 * MIB}}, "found 0.5G (500000000 bytes)", id="decimal"),
        pytest.param({"persistence": {"size": 4096}, "spool": {"max_bytes": 4097}}, "found 4096 (4096 bytes)", id="number"),
        pytest.param({"persistence": {"size": "1e3"}, "spool": {"max_bytes": 4096}}, "found 1e3 (1000 bytes)", id="exponent"),
    ],
)  # fmt: skip
def test_a_volume_too_small_for_what_may_be_written_on_it(values: dict[str, Any], told: str) -> None:
    said = refusal(CHART, {**values, "persistence": ROOM | values.get("persistence", {})})
    assert "persistence.size: want room for" in said and told in said


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"spool": {"max_bytes": 512 * MIB}}, id="full"),
        pytest.param({"spool": {"max_bytes": 2048 * 1024 * MIB}, "persistence": {"size": "2Ti"}}, id="large"),
        pytest.param({"spool": {"max_bytes": 513 * MIB}, "persistence": {"existingClaim": "mine"}}, id="unknown-size"),
        pytest.param({"spool": {"enabled": False, "max_bytes": 513 * MIB}}, id="no-spool"),
        pytest.param({"spool": {"max_bytes": 512 * MIB}, "sinks": {"file": {"path": "/mnt/x"}}}, id="elsewhere"),
        pytest.param({"spool": {"max_bytes": 512 * MIB}, "sinks": {"snapshots": {"send": True}}}, id="sent"),
    ],
)
def test_a_volume_that_is_large_enough_or_not_ours(values: dict[str, Any]) -> None:
    render(CHART, {**values, "persistence": ROOM | values.get("persistence", {})})


def test_the_sum_takes_the_services_defaults() -> None:
    assert SnapshotConfig(path="x").max_bytes == FileConfig(path="x").max_bytes == 67_108_864
    assert FileConfig(path="x").keep == 4
