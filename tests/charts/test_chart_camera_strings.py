"""camera-ingest: what a user writes stays a text, also where YAML would read a number or a truth in it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import msgspec
import pytest
import yaml

from edge_camera.config import Config
from helm_support import CHARTS, Manifest, at, one, render, run

pytestmark = pytest.mark.charts
CHART = "camera-ingest"


class Loader(yaml.SafeLoader):
    """As Kubernetes reads YAML: `1e3` is a number, too."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[0-9]+e[0-9]+$"), list("0123456789"))


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


def _shape(node: Any) -> Any:
    """The kinds of all values, without the values."""
    if isinstance(node, dict):
        return [(type(key).__name__, _shape(value)) for key, value in node.items()]
    if isinstance(node, list):
        return [_shape(each) for each in node]
    return type(node).__name__


def _rendered(word: str, release: str, claim: str) -> list[Manifest]:
    command = ("helm", "template", release, str(CHARTS / CHART), "--namespace=edge", "--values=-")
    done = run(*command, text=json.dumps(_values(word, claim)))
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, Loader=Loader) if each]


WORDS = pytest.mark.parametrize(
    ("word", "release"), [("1", "dock"), ("007", "dock"), ("1e3", "y"), ("on", "on"), ("null", "null")]
)


@WORDS
@pytest.mark.parametrize("existing", [True, False], ids=["existing-claim", "own-claim"])
def test_a_name_stays_a_text(word: str, release: str, existing: bool) -> None:
    plain, odd = _rendered("word", "dock", "word" * existing), _rendered(word, release, word * existing)
    assert len(odd) > 10
    for one_plain, one_odd in zip(plain, odd, strict=True):
        assert _shape(one_odd) == _shape(one_plain), f"{one_odd['kind']} {one_odd['metadata']['name']}"
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
