"""edge-inference: what a user writes stays a text, also where YAML would read a number or a truth in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_support import Manifest, at, one, render
from texts_support import rendered, shape

pytestmark = pytest.mark.charts
CHART = "edge-inference"


def _values(word: str, source: dict[str, Any]) -> dict[str, Any]:
    """Values in which all that may be any text is this one."""
    return {
        "nameOverride": word,
        "namespaceOverride": word,
        "commonLabels": {"site": word},
        "model": {"name": word, "version": "1.0.0", "path": f"/{word}", **source},
        "image": {"registry": word, "repository": word, "tag": word},
        "imagePullSecrets": [{"name": word}],
        "candidate": {"enabled": True, "version": "1.1.0", "tag": word},
        "preflight": {"rollback": True},
        "graphCache": {"claim": word},
        "guard": {"enabled": True, "image": {"registry": word, "repository": word, "tag": word}},
        "service": {"annotations": {"note": word}},
        "serviceAccount": {"name": word, "annotations": {"note": word}},
        "podAnnotations": {"note": word},
        "podLabels": {"site": word},
        "priorityClassName": word,
        "runtimeClassName": word,
        "nodeSelector": {"site": word},
        "podMonitor": {"enabled": True, "labels": {"release": word}, "interval": word, "scrapeTimeout": word},
        "autoscaling": {"enabled": True, "minReplicas": 2},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": word, "whenUnsatisfiable": "DoNotSchedule"}],
        "extraEnv": {"NOTE": word, word.upper(): "x"},
    }


SOURCES: dict[str, dict[str, Any]] = {
    "volume": {"source": "volume", "volume": {"claim": "WORD", "subPath": "WORD"}},
    "oci": {
        "source": "oci",
        "oci": {
            "reference": "WORD",
            "existingSecret": "WORD",
            "cacheClaim": "WORD",
            "registryCidrs": {"WORD": "10.0.0.9/32"},
            "image": {"registry": "WORD", "repository": "WORD", "tag": "WORD"},
        },
    },
}


def _rendered(word: str, source: str, release: str) -> list[Manifest]:
    return rendered(CHART, release, _values(word, json.loads(json.dumps(SOURCES[source]).replace("WORD", word))))


@pytest.mark.parametrize("source", sorted(SOURCES))
@pytest.mark.parametrize(
    ("word", "release"), [("1", "dock"), ("1e3", "dock"), ("0x1f", "y"), ("on", "on"), ("null", "null")]
)
def test_a_name_stays_a_text(word: str, release: str, source: str) -> None:
    plain, odd = _rendered("word", source, "dock"), _rendered(word, source, release)
    assert len(odd) > 10
    for one_plain, one_odd in zip(plain, odd, strict=True):
        assert shape(one_odd) == shape(one_plain), f"{one_odd['kind']} {one_odd['metadata']['name']}"
    assert {each["metadata"]["namespace"] for each in odd} == {word}


@pytest.mark.parametrize("size", [67108864, "67108864", "1e9", "64Mi"])
def test_a_size_is_a_text_without_a_fraction(size: int | str) -> None:
    volumes = {"graphCache": {"sizeLimit": size}, "tmpSizeLimit": size}
    pod = at(one(render(CHART, volumes), "Deployment"), "spec.template.spec")
    assert [each["emptyDir"]["sizeLimit"] for each in pod["volumes"]] == [str(size)] * 2


@pytest.mark.parametrize(
    ("version", "label"),
    [
        pytest.param("1.0.0+b.2", "1.0.0_b.2", id="build"),
        pytest.param("1.0.0-" + "a" * 56 + ".b", "1.0.0-" + "a" * 56, id="cut-behind-a-dot"),
        pytest.param("1.0.0-" + "a" * 55 + "--b", "1.0.0-" + "a" * 55, id="cut-behind-dashes"),
        pytest.param("1.0.0-" + "a" * 56 + "+b", "1.0.0-" + "a" * 56, id="cut-behind-a-plus"),
        pytest.param("1.0.0-rc.", "1.0.0-rc", id="dot-at-the-end"),
    ],
)
def test_a_label_that_was_cut_is_one_that_kubernetes_takes(version: str, label: str) -> None:
    given = {"model": {"version": version}, "image": {"tag": "x"}}
    labels = at(one(render(CHART, given), "Deployment"), "spec.template.metadata.labels")
    assert labels["edge-serve/model-version"] == label
