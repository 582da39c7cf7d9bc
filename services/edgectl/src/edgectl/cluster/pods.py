"""The pods of a release, and which of them are the newest version's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from edgectl.cluster.api import Api, What
from edgectl.cluster.objects import (
    COMPONENT,
    INSTANCE,
    MODEL_VERSION,
    OURS,
    TEMPLATE_HASH,
    Container,
    ContainerStatus,
    Pod,
)

STABLE, CANDIDATE, CAMERAS = "inference", "candidate", "camera-ingest"
MODELS = (STABLE, CANDIDATE)
# Of hook Jobs.
PREFLIGHT, GUARD = "preflight", "guard"
# The services themselves: neither hooks nor edge-monitoring. By component, since `nameOverride` changes the name.
SERVICES = f"{OURS},{COMPONENT} in ({','.join((*MODELS, CAMERAS))})"
_CUT_OFF, _CUT_OFF_CODE = "Unknown", 255
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def pods_of(api: Api, namespace: str, release: str, component: str = "") -> list[Pod]:
    """Return a release's pods of one component, those of its hooks and tests left out unless asked for."""
    selector = f"{OURS},{INSTANCE}={release}" + (f",{COMPONENT}={component}" if component else "")
    return api.list(What("pods", namespace), Pod, labelSelector=selector)


def newest(pods: Sequence[Pod]) -> str:
    """Return the template hash of the newest version: the one whose first pod was made last. Empty without pods."""
    first: dict[str, datetime] = {}
    for pod in pods:
        made = pod.metadata.creation_timestamp or _LONG_AGO
        first[template(pod)] = min(made, first.get(template(pod), made))
    return max(first, key=lambda name: first[name], default="")


def template(pod: Pod) -> str:
    return pod.metadata.labels.get(TEMPLATE_HASH, "")


def version(pod: Pod) -> str:
    return pod.metadata.labels.get(MODEL_VERSION, "")


def ready(pod: Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions)


def cut_off(pod: Pod) -> bool:
    """Did its container end last with its node, or with the container runtime?

    containerd says so of what ran and is gone when it looks again, as after a power cut; a process that ends by itself,
    or for want of memory, has another reason.
    """
    status = serving_status(pod)
    ended = (status.state.terminated or status.last_state.terminated) if status else None
    return ended is not None and ended.reason == _CUT_OFF and ended.exit_code == _CUT_OFF_CODE


def running(pod: Pod) -> bool:
    status = serving_status(pod)
    return status is not None and not status.state.terminated and not status.state.waiting


def leaving(pod: Pod) -> bool:
    """Is it told to end, or ended, as an evicted one? Another takes its place."""
    return pod.metadata.deletion_timestamp is not None or pod.status.phase in ("Failed", "Succeeded")


def serving(pod: Pod) -> Container | None:
    """Return the container that has the metrics port: the service itself, not one put beside it."""
    with_metrics = [each for each in pod.spec.containers if any(port.name == "metrics" for port in each.ports)]
    return with_metrics[0] if with_metrics else None


def serving_status(pod: Pod) -> ContainerStatus | None:
    container = serving(pod)
    name = container.name if container else ""
    return next((each for each in pod.status.container_statuses if each.name == name), None)


def metrics_port(pod: Pod) -> int | None:
    """Return the port of /metrics; None when the pod names none."""
    container = serving(pod)
    ports = container.ports if container else []
    return next((port.container_port for port in ports if port.name == "metrics"), None)


def trouble(pod: Pod) -> str:
    """Say in a few words why a pod is not ready, as far as Kubernetes knows."""
    status = serving_status(pod)
    if status is None:
        reasons = [each.message or each.reason for each in pod.status.conditions if each.status == "False"]
        return reasons[0] if reasons else pod.status.phase
    if status.state.waiting:
        return status.state.waiting.reason
    ended = status.state.terminated or status.last_state.terminated
    return f"ended: {ended.reason or f'exit code {ended.exit_code}'}" if ended else "not ready"
