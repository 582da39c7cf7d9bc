"""The hook Jobs of releases: one that hangs, and one that refused an upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge_common.errors import StartError
from edgectl.cluster.api import Api, Refused, What
from edgectl.cluster.objects import (
    COMPONENT,
    INSTANCE,
    MODEL_VERSION,
    OURS,
    Condition,
    ContainerStatus,
    Deployment,
    DeploymentSpec,
    Job,
    Meta,
    Pod,
)
from edgectl.cluster.pods import GUARD, PREFLIGHT

_HOOKS = f"{OURS},{COMPONENT} in ({PREFLIGHT},{GUARD})"
# What every container waits for at first.
_BEGINS = ("", "ContainerCreating", "PodInitializing")
# What the chart calls the Job that records how the running version does.
_BASELINE = "-baseline"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
Release = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Job that failed, `by` preflight, baseline or guard; `version` is the one that was asked, if any."""

    by: str
    version: str
    why: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Hooks:
    """By namespace and release; `wanted` stands for the Deployments of those that may have none yet."""

    wanted: Mapping[Release, Deployment]
    hanging: Mapping[Release, Sequence[str]]
    refusals: Mapping[Release, Refusal]


def hooks(api: Api, namespace: str | None, notes: list[str]) -> Hooks:
    """Return what hooks do; a note when this account may not see them.

    Raises:
        StartError: no API server.
    """
    try:
        jobs = api.list(What("jobs", namespace), Job, labelSelector=_HOOKS)
        pods = api.list(What("pods", namespace), Pod, labelSelector=_HOOKS) if jobs else []
    except Refused as exc:
        notes.append(f"hooks are not known: {exc}")
        return Hooks({}, {}, {})
    hanging: dict[Release, list[str]] = {}
    refusals: dict[Release, Refusal] = {}
    for job in sorted(jobs, key=_made):
        own = [pod for pod in pods if _owns(job, pod)]
        if failed := _failed(job):
            refusals[_release(job)] = _refusal(api, job, failed, own)
        else:
            hanging.setdefault(_release(job), []).extend(
                f"{pod.metadata.name}: {why}" for pod in own for why in _waits(pod)
            )
    return Hooks({_release(job): _wanted(job) for job in jobs}, hanging, refusals)


def _made(job: Job) -> datetime:
    return job.metadata.creation_timestamp or _LONG_AGO


def _release(job: Job) -> Release:
    return job.metadata.namespace, job.metadata.labels.get(INSTANCE, "")


def _wanted(job: Job) -> Deployment:
    meta = job.metadata
    labels = {INSTANCE: meta.labels.get(INSTANCE, ""), COMPONENT: ""}
    return Deployment(Meta(namespace=meta.namespace, labels=labels), DeploymentSpec(template=job.spec.template))


def _owns(job: Job, pod: Pod) -> bool:
    same = pod.metadata.namespace == job.metadata.namespace
    return same and any(each.kind == "Job" and each.name == job.metadata.name for each in pod.metadata.owner_references)


def _failed(job: Job) -> Condition | None:
    return next((each for each in job.status.conditions if each.type == "Failed" and each.status == "True"), None)


def _refusal(api: Api, job: Job, failed: Condition, pods: Sequence[Pod]) -> Refusal:
    part = job.metadata.labels.get(COMPONENT, "")
    by = "baseline" if part == GUARD and job.metadata.name.endswith(_BASELINE) else part
    version = job.spec.template.metadata.labels.get(MODEL_VERSION, "")
    said = next((line for pod in pods if pod.status.phase == "Failed" and (line := _last_line(api, pod))), "")
    return Refusal(by, version, said or failed.message or failed.reason, job.metadata.creation_timestamp)


def _last_line(api: Api, pod: Pod) -> str:
    try:
        what = What("pods/log", pod.metadata.namespace, pod.metadata.name)
        text = api.read("get", what, "*/*", {"tailLines": "1", "limitBytes": "4096"})
    except StartError:
        # It never ran, its log is gone, or is not for this account: the Job's own words are left.
        return ""
    return text.decode("utf-8", "replace").strip()


def _waits(pod: Pod) -> Iterator[str]:
    """Say why a pod does not get to run: no place for it, or no image."""
    for each in pod.status.conditions:
        if each.type == "PodScheduled" and each.status == "False":
            yield each.message or each.reason
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        if why := _waiting(status):
            yield why


def _waiting(status: ContainerStatus) -> str:
    reason = status.state.waiting.reason if status.state.waiting else ""
    return "" if reason in _BEGINS else reason
