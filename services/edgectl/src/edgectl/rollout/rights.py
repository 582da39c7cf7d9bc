"""May this account do what a rollback does? Asked before anything is watched, not when the bad version is in place."""

from __future__ import annotations

import msgspec

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Missing, Refused, What

_REVIEW = What("selfsubjectaccessreviews", None)
# What Helm 4 asked for on K3s, of what every release has; it treats what else a revision holds in the same way.
_NEEDS = {
    ("", "secrets"): ("get", "create", "update"),
    ("apps", "deployments"): ("get", "list", "watch", "patch"),
    ("", "services"): ("get", "list", "watch", "patch"),
    # Without these `--wait` says nothing, and waits to its end.
    ("apps", "replicasets"): ("list", "watch"),
    ("", "pods"): ("list", "watch"),
}
# Helm's own default: then it deletes the oldest record.
_HISTORY = 10


class _Status(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Answer(msgspec.Struct, frozen=True):
    status: _Status = _Status()


def need_rights(api: Api, namespace: str, revisions: int) -> None:
    """Make sure that `helm rollback` of a release with so many may work here, as far as the API server tells.

    Raises:
        StartError: it may not; the text names what is missing.
    """
    for (group, resource), verbs in _NEEDS.items():
        full = ("delete",) if resource == "secrets" and revisions >= _HISTORY else ()
        denied = [verb for verb in (*verbs, *full) if not _may(api, namespace, group, resource, verb)]
        if denied:
            raise StartError(
                f"no permission to {' and '.join(denied)} {resource} in namespace {namespace}, which `helm rollback`"
                " needs: want a role that allows it, or --no-rollback"
            )


def _may(api: Api, namespace: str, group: str, resource: str, verb: str) -> bool:
    asked = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
    try:
        return api.ask(_REVIEW, {"spec": {"resourceAttributes": asked}}, _Answer).status.allowed
    except (Refused, Missing):
        # Nobody to ask: helm will say.
        return True
