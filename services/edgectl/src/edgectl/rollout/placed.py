"""What a release's Deployment says of its newest version: are there pods of it by now, and which version is it?"""

from __future__ import annotations

from typing import Any

import msgspec

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Refused, What
from edgectl.cluster.objects import COMPONENT, INSTANCE, PART_OF, Condition

_SELECTOR = f"{PART_OF}=edge-serve,{INSTANCE}={{}},{COMPONENT}={{}}"


class NotYet(StartError):
    """The newest version has no pods: Kubernetes is about to make them, or may not."""


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""
    generation: int = 0


class _Spec(msgspec.Struct, frozen=True):
    replicas: int = 1
    template: dict[str, Any] = {}


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = 0
    updated_replicas: int = 0
    conditions: list[Condition] = []


class Placed(msgspec.Struct, frozen=True):
    """A Deployment. Two whose `spec.template` is the same serve the same version in the same way."""

    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


def placed(api: Api, namespace: str, release: str, component: str) -> Placed | None:
    """Return a track's Deployment; None when there is none, or this account may not see it."""
    try:
        found = api.list(What("deployments", namespace), Placed, labelSelector=_SELECTOR.format(release, component))
    except Refused:
        return None
    return found[0] if found else None


def need_pods(deployment: Placed | None) -> None:
    """Hold on until the newest version has a pod; what cannot be seen is taken to be there.

    Raises:
        NotYet: it has none, and why as far as Kubernetes says.
    """
    if deployment is None or not deployment.spec.replicas:
        return
    status, meta = deployment.status, deployment.metadata
    if status.observed_generation >= meta.generation and status.updated_replicas:
        return
    said = [each.message for each in status.conditions if each.type == "ReplicaFailure" and each.status == "True"]
    raise NotYet(f"{meta.name}: the newest version has no pods yet{f': {said[0]}' if said else ''}")
