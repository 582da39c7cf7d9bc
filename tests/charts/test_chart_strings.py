"""edge-inference: what a user writes stays a text, also where YAML would read a number or a truth in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from helm_support import CHARTS, at, one, render, run

pytestmark = pytest.mark.charts
CHART = "edge-inference"


class Loader(yaml.SafeLoader):
    """As Kubernetes reads YAML: `1e3` is a number, too."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[0-9]+e[0-9]+$"), list("0123456789"))


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


def _shape(node: Any) -> Any:
    """The kinds of all values, without the values; keys in their order."""
    if isinstance(node, dict):
        return [(type(key).__name__, _shape(value)) for key, value in node.items()]
    if isinstance(node, list):
        return [_shape(each) for each in node]
    return type(node).__name__


def _rendered(word: str, source: str, release: str) -> list[Any]:
    values = _values(word, json.loads(json.dumps(SOURCES[source]).replace("WORD", word)))
    command = ("helm", "template", release, str(CHARTS / CHART), "--namespace=edge", "--values=-")
    done = run(*command, text=json.dumps(values))
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, Loader=Loader) if each]


@pytest.mark.parametrize("source", sorted(SOURCES))
@pytest.mark.parametrize(
    ("word", "release"), [("1", "dock"), ("1e3", "dock"), ("0x1f", "y"), ("on", "on"), ("null", "null")]
)
def test_a_name_stays_a_text(word: str, release: str, source: str) -> None:
    plain, odd = _rendered("word", source, "dock"), _rendered(word, source, release)
    assert len(odd) > 10
    for one_plain, one_odd in zip(plain, odd, strict=True):
        assert _shape(one_odd) == _shape(one_plain), f"{one_odd['kind']} {one_odd['metadata']['name']}"
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
