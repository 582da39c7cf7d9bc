"""camera-ingest: what a user writes stays a text, also where YAML would read a number or a truth in it."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest

from edge_camera.config import Config
from helm_support import Manifest, at, one, render
from texts_support import rendered, shape

pytestmark = pytest.mark.charts
CHART = "camera-ingest"


def _values(word: str, claim: str) -> dict[str, Any]:
    """Values in which all that may be any text is this one."""
    file = f"/run/secrets/{word}"
    who = {word: {"podSelector": {"matchLabels": {"site": word}}}}
    return {
        "nameOverride": word,
        "namespaceOverride": word,
        "commonLabels": {"site": word},
        "inference": {"model": word},
        "cameras": {word: {"url": "rtsp://10.0.0.1/x", "credentials": file, "capture": {"transport": "udp"}}},
        "alerts": {word: {"class": word}},
        "sinks": {"mqtt": {"url": "mqtts://10.0.0.2", "credentials": file, "topic": word}},
        "secretFiles": {word: {"existingSecret": word, "key": word}},
        "persistence": {"storageClass": word, "existingClaim": claim},
        "image": {"registry": word, "repository": word, "tag": word},
        "imagePullSecrets": [{"name": word}],
        "preflight": {"rollback": True},
        "gateway": word,
        "service": {"annotations": {"note": word}},
        "networkPolicy": {"cameraCidrs": {word: "10.0.0.0/24"}, "clients": who, "metricsClients": who},
        "serviceAccount": {"name": word, "annotations": {"note": word}},
        "podAnnotations": {"note": word},
        "podLabels": {"site": word},
        "priorityClassName": word,
        "runtimeClassName": word,
        "nodeSelector": {"site": word},
        "podMonitor": {"enabled": True, "labels": {"release": word}, "interval": word, "scrapeTimeout": word},
        "extraEnv": {word: word},
    }


def _rendered(word: str, release: str, claim: str) -> list[Manifest]:
    return rendered(CHART, release, _values(word, claim))


WORDS = pytest.mark.parametrize(
    ("word", "release"), [("1", "dock"), ("007", "dock"), ("1e3", "y"), ("on", "on"), ("null", "null")]
)


@WORDS
@pytest.mark.parametrize("existing", [True, False], ids=["existing-claim", "own-claim"])
def test_a_name_stays_a_text(word: str, release: str, existing: bool) -> None:
    plain, odd = _rendered("word", "dock", "word" * existing), _rendered(word, release, word * existing)
    assert len(odd) > 10
    for one_plain, one_odd in zip(plain, odd, strict=True):
        assert shape(one_odd) == shape(one_plain), f"{one_odd['kind']} {one_odd['metadata']['name']}"
    assert {each["metadata"]["namespace"] for each in odd} == {word}
    assert one(odd, "Pod", f"{release}-test")["spec"]["containers"][0]["args"][3:] == [word]


@WORDS
def test_it_stays_one_in_the_service_s_config(word: str, release: str) -> None:
    text = one(_rendered(word, release, ""), "ConfigMap", release)["data"]["cameras.toml"]
    config = msgspec.convert(tomllib.loads(text), Config)
    assert [each.name for each in config.camera] == [config.inference.model] == list(config.alert) == [word]


@pytest.mark.parametrize("size", [1073741824, "1073741824", "1e9", "1.5Gi", "2Ti", "1G"])
def test_a_size_is_a_text_without_a_fraction(size: int | str) -> None:
    manifests = render(CHART, {"persistence": {"size": size}, "tmpSizeLimit": size})
    claim = at(one(manifests, "PersistentVolumeClaim"), "spec.resources.requests.storage")
    volumes = {each["name"]: each for each in at(one(manifests, "Deployment"), "spec.template.spec.volumes")}
    assert [claim, volumes["tmp"]["emptyDir"]["sizeLimit"]] == [str(size)] * 2
