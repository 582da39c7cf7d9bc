"""The charts' manifests, read as Kubernetes reads YAML: whether what a user writes stays a text."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from helm_support import CHARTS, Manifest, run


class Loader(yaml.CSafeLoader):
    """As Kubernetes reads YAML: `1e3` is a number, too."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[0-9]+e[0-9]+$"), list("0123456789"))


def rendered(chart: str, release: str, values: Mapping[str, Any]) -> list[Manifest]:
    """Return the manifests of a release with these values and no others; one helm for equal calls."""
    return [each for each in yaml.load_all(_template(chart, release, json.dumps(values)), Loader=Loader) if each]


@functools.cache
def _template(chart: str, release: str, values: str) -> str:
    done = run("helm", "template", release, str(CHARTS / chart), "--namespace=edge", "--values=-", text=values)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shape(node: Any) -> Any:
    """The kinds of all values, without the values; keys in their order."""
    if isinstance(node, dict):
        return [(type(key).__name__, shape(value)) for key, value in node.items()]
    if isinstance(node, list):
        return [shape(each) for each in node]
    return type(node).__name__
