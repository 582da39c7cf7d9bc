"""The runbook's kubectl commands name objects that the charts make, in the namespaces and under the names it tells of."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from helm_support import ROOT, Manifest, containers, pod_templates, render

pytestmark = pytest.mark.charts
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
# The names that the runbook's beginning gives to releases, and their namespaces.
RELEASES = {
    "watch": ("edge-monitoring", "monitoring"),
    "belt-detector": ("edge-inference", "edge"),
    "cameras": ("camera-ingest", "edge"),
}
KINDS = {"deploy": "Deployment", "service": "Service", "svc": "Service", "secret": "Secret", "pod": "Pod"}
COMMANDS = re.findall(r"kubectl [^`\n#]+", RUNBOOK)
# kubectl ... kind/name ... [port:port]
NAMED = [
    (command, kind, name)
    for command in COMMANDS
    for kind, name in re.findall(rf"\b({'|'.join(KINDS)})/([a-z][-a-z0-9]*)", command)
]


@functools.cache
def _made() -> dict[tuple[str, str, str], Manifest]:
    """(kind, namespace, name) of every object of the three releases."""
    return {
        (each["kind"], namespace, each["metadata"]["name"]): each
        for release, (chart, namespace) in RELEASES.items()
        for each in render(chart, {"namespaceOverride": namespace}, release=release)
    }


def test_there_is_something_to_look_at() -> None:
    assert {name for _, _, name in NAMED} == {"watch-prometheus", "watch-alertmanager", "belt-detector", "cameras"}
    for release, (chart, _) in RELEASES.items():
        assert f"`{release}`" in RUNBOOK.partition("\n## ")[0], f"the beginning names the release of {chart}"


@pytest.mark.parametrize(
    ("command", "kind", "name"), NAMED, ids=[f"{kind}/{name}-{n}" for n, (_, kind, name) in enumerate(NAMED)]
)
def test_what_kubectl_is_told_of_is_made(command: str, kind: str, name: str) -> None:
    namespace = re.search(r" -n ([a-z]+)", command)
    assert namespace, command
    found = _made().get((KINDS[kind], namespace[1], name))
    assert found, f"{command}: no chart makes {kind}/{name} in {namespace[1]}"
    if "port-forward" in command:
        ports = re.findall(r"\b(\d+):(\d+)\b", command)
        assert ports and {int(there) for _, there in ports} <= _ports(found), command


def _ports(manifest: dict[str, Any]) -> set[int]:
    """The container ports of an object's pods."""
    return {
        port["containerPort"]
        for _, pod in pod_templates([manifest])
        for container in containers(pod)
        for port in container.get("ports", [])
    }
