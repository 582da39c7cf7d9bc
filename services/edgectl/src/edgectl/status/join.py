"""One Deployment with its pods, their metrics and its rollout: a row, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from edgectl.cluster.buckets import bracket
from edgectl.cluster.objects import COMPONENT, INSTANCE, MODEL, MODEL_VERSION, Deployment, Pod
from edgectl.cluster.pods import CANDIDATE, leaving, newest, ready, serving, serving_status, template, trouble
from edgectl.status.collect import Seen
from edgectl.status.quantity import ago, quantity
from edgectl.status.rates import Span
from edgectl.status.rows import CameraRow, Rollout, Row, Use

_FINE_STATE = "ok"
# A restart longer ago is history: the pod has been well since.
_LATELY = timedelta(minutes=10)
_DIGEST = 12


def rows(seen: Seen, now: datetime) -> list[Row]:
    """Return the rows, by namespace, release and track."""
    found = [_row(seen, deployment, now) for deployment in seen.deployments]
    return sorted(found, key=lambda row: (row.namespace, row.release, row.track))


def _row(seen: Seen, deployment: Deployment, now: datetime) -> Row:
    meta, pods = deployment.metadata, seen.pods_of(deployment)
    present = [pod for pod in pods if template(pod) == newest(pods)]
    spans = [span for pod in pods if (span := seen.history.span(pod.metadata.name)) is not None]
    cameras = tuple(_cameras(spans))
    rollout = _rollout(seen, *_release(deployment))
    labels = (present[0] if present else deployment.spec.template).metadata.labels
    status = [each for pod in pods if (each := serving_status(pod)) is not None]
    return Row(
        namespace=meta.namespace,
        release=meta.labels.get(INSTANCE, ""),
        track=meta.labels.get(COMPONENT, ""),
        model=labels.get(MODEL, ""),
        version=labels.get(MODEL_VERSION, ""),
        digest=_digest(present),
        ready=deployment.status.ready_replicas,
        wanted=deployment.spec.replicas,
        restarts=sum(each.restart_count for each in status),
        rate=_sum(span.rate("edge_inference_requests_total") for span in spans),
        p95=bracket(_added(span.buckets("edge_inference_request_duration_seconds") for span in spans)),
        use=_use(pods, spans),
        rollout=rollout,
        cameras=cameras,
        trouble=tuple(_troubles(seen, deployment, pods, spans, cameras, rollout, now)),
    )


def _troubles(
    seen: Seen,
    deployment: Deployment,
    pods: Sequence[Pod],
    spans: Sequence[Span],
    cameras: Sequence[CameraRow],
    rollout: Rollout,
    now: datetime,
) -> Iterator[str]:
    if not deployment.spec.replicas:
        # An alert says that it is gone; here stands why.
        yield "scaled to 0"
    waiting = [pod for pod in pods if not ready(pod) and not leaving(pod)]
    for pod in waiting:
        yield f"{pod.metadata.name}: {trouble(pod)}"
    if deployment.status.ready_replicas < deployment.spec.replicas and not waiting:
        yield f"{deployment.status.ready_replicas} of {deployment.spec.replicas} ready"
    for pod in pods:
        yield from _restarted(pod, now)
        # One that is not ready has said more already.
        if ready(pod) and pod.metadata.name in seen.silent:
            yield f"{pod.metadata.name}: no metrics: {seen.silent[pod.metadata.name]}"
    if sum(span.now.value("edge_inference_selfcheck_failures_total") or 0.0 for span in spans):
        yield "its self-check failed"
    yield from (f"camera {each.camera}: {each.state}" for each in cameras if each.state != _FINE_STATE)
    if deployment.metadata.labels.get(COMPONENT) != CANDIDATE:
        # The release's, once.
        yield from seen.hooks.hanging.get(_release(deployment), ())
    if rollout.status == "failed":
        yield f"revision {rollout.revision} failed"
    if rollout.outcome == "bad" and rollout.present:
        yield f"the watch found it bad: {rollout.why}"


def _restarted(pod: Pod, now: datetime) -> Iterator[str]:
    status = serving_status(pod)
    ended = status.last_state.terminated if status else None
    if ended and ended.finished_at and now - ended.finished_at < _LATELY:
        why = ended.reason or f"exit code {ended.exit_code}"
        yield f"{pod.metadata.name}: restarted {ago((now - ended.finished_at).total_seconds())} ago: {why}"


def _rollout(seen: Seen, namespace: str, release: str) -> Rollout:
    key = (namespace, release)
    revision, decided, refusal = seen.revisions.get(key), seen.decided.get(key), seen.hooks.refusals.get(key)
    found = Rollout(revision.number, revision.status, revision.at) if revision else Rollout()
    # A guard that fails because the version is bad has written so after its start.
    if refusal and (decided is None or (refusal.at is not None and refusal.at > decided.at)):
        return msgspec.structs.replace(
            found, version=refusal.version, outcome="refused", by=refusal.by, why=refusal.why
        )
    if decided is None:
        return found
    present = _serves(seen, namespace, release, decided.template)
    return msgspec.structs.replace(
        found,
        version=decided.version,
        outcome=decided.outcome,
        by="watch",
        why=decided.why,
        done=decided.done,
        present=present,
    )


def _release(deployment: Deployment) -> tuple[str, str]:
    return deployment.metadata.namespace, deployment.metadata.labels.get(INSTANCE, "")


def _serves(seen: Seen, namespace: str, release: str, decided: str) -> bool:
    """Are there pods of this template that stay? A version that was rolled back has none."""
    own = [pod for pod in seen.pods if pod.metadata.namespace == namespace and not leaving(pod)]
    return any(pod.metadata.labels.get(INSTANCE) == release and template(pod) == decided for pod in own)


def _digest(pods: Sequence[Pod]) -> str:
    images = [status.image_id for pod in pods if (status := serving_status(pod)) is not None and status.image_id]
    return images[0].rpartition(":")[2][:_DIGEST] if images else ""


def _use(pods: Sequence[Pod], spans: Sequence[Span]) -> Use:
    limits = [container.resources.limits for pod in pods if (container := serving(pod)) is not None]
    return Use(
        cpu=_sum(span.rate("process_cpu_seconds_total") for span in spans),
        cpu_limit=_sum(quantity(each.get("cpu", "")) for each in limits),
        memory=_sum(span.now.value("process_resident_memory_bytes") for span in spans),
        memory_limit=_sum(quantity(each.get("memory", "")) for each in limits),
    )


def _cameras(spans: Sequence[Span]) -> Iterator[CameraRow]:
    for span in spans:
        states = {labels["camera"]: labels["state"] for labels, value in span.now.each("edge_camera_state") if value}
        for camera, state in sorted(states.items()):
            ages = span.buckets("edge_camera_frame_age_seconds", camera=camera)
            fps = sum(ages.values()) / span.seconds if span.seconds else None
            yield CameraRow(camera, state, fps, bracket(ages))


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _added(tables: Iterable[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for table in tables:
        for edge, count in table.items():
            found[edge] = found.get(edge, 0.0) + count
    return found
