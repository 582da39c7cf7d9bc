"""What to tell who asked for a release that has no such pods: scaled to 0, or a typing error?"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from edgectl.cluster.api import Api, Missing, Refused, What
from edgectl.cluster.objects import COMPONENT, INSTANCE, OURS, Deployment, Named
from edgectl.cluster.pods import CANDIDATE, MODELS


def no_such_release(api: Api, namespace: str, release: str, component: str = "") -> Missing:
    """Return the error; with a `component` of a model, other charts' releases are none."""
    pods = [each.metadata.labels for each in api.list(What("pods", namespace), Named, labelSelector=OURS)]
    deployments = _deployments(api, namespace)
    labels = [*pods, *(each.metadata.labels for each in deployments)]
    known = {each.get(INSTANCE, "") for each in labels if not component or each.get(COMPONENT) in MODELS}
    if release in known:
        own = [each for each in deployments if each.metadata.labels.get(INSTANCE) == release]
        parts = {each.get(COMPONENT, "") for each in pods if each.get(INSTANCE) == release}
        return Missing(f"{release}: {_why(own, parts, component)} in namespace {namespace}")
    if not labels and not has_namespace(api, namespace):
        return Missing(f"there is no namespace {namespace}; -n names another")
    chart = "edge-inference" if component else "edge-serve"
    return Missing(f"{release} is no release of {chart} in namespace {namespace}; {_near(release, sorted(known))}")


def has_namespace(api: Api, name: str) -> bool:
    """Is there such a namespace? Yes, where this account may not ask."""
    try:
        api.get(What("namespaces", None, name), Named)
    except Refused:
        return True
    except Missing:
        return False
    return True


def _deployments(api: Api, namespace: str) -> list[Deployment]:
    try:
        return api.list(What("deployments", namespace), Deployment, labelSelector=OURS)
    except Refused:
        # Pods alone tell most of it.
        return []


def _why(own: Sequence[Deployment], parts: AbstractSet[str], component: str) -> str:
    """Say why a release that is here has no such pods."""
    asked = [each for each in own if component in ("", each.metadata.labels.get(COMPONENT))]
    if component == CANDIDATE and not asked:
        return "no candidate, which candidate.enabled=true adds,"
    if asked and not any(each.spec.replicas for each in asked):
        return "scaled to 0, no pods"
    return f"no pods of {component or 'its services'}" + (f", only of {', '.join(sorted(parts))}," if parts else "")


def _near(release: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(release, names, n=3, cutoff=0.5)
    return (
        f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names)}" if names else "there is none"
    )
