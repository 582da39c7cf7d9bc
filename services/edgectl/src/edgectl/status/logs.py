"""`edgectl logs`: the logs of all pods of a release."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.absent import no_such_release
from edgectl.cluster.api import Api, What
from edgectl.cluster.connect import connect
from edgectl.cluster.objects import COMPONENT, Pod
from edgectl.cluster.pods import GUARD, PREFLIGHT, pods_of, serving, serving_status
from edgectl.status.follow import Follower

# The pods of Deployments; those of preflights and tests tell their own story in events.
_HOOKS = (PREFLIGHT, "test", GUARD)
# What the API server says of a container that has begun once only.
_NONE_BEFORE = "previous terminated container"
# A pod that says nothing for long is no fault while one follows.
_FOLLOW = urllib3.Timeout(connect=5, read=None)
_READ = urllib3.Timeout(connect=5, read=60)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    release: str
    namespace: str
    context: str
    follow: bool
    previous: bool
    guard: bool
    tail: int


def print_logs(wanted: Wanted) -> bool:
    """Print to stdout, and to stderr which pod has none; return whether any has one.

    Raises:
        StartError: no such release or pods, or no permission to list them.
        BrokenPipeError: nobody reads on.
    """
    api = connect(context=wanted.context)
    place = wanted.namespace or api.namespace
    pods = _pods(api, place, wanted)
    # What has ended says no more.
    if wanted.follow and not wanted.previous:

        def read(pod: Pod, prefix: bool, seconds: int | None) -> None:
            _print(api, pod, wanted, prefix, seconds)

        return Follower(lambda: _present(api, place, wanted), read).run()
    # All of them: any() alone would stop at the first that has one.
    return any(tuple(_told(api, pod, wanted, prefix=len(pods) > 1) for pod in pods))


def _pods(api: Api, namespace: str, wanted: Wanted) -> list[Pod]:
    pods, found = _present(api, namespace, wanted), pods_of(api, namespace, wanted.release)
    if not pods and found and wanted.guard:
        why = "only one that failed stays, for a day"
        raise StartError(f"{wanted.release}: no pod of its guard in namespace {namespace}: {why}")
    if not pods:
        raise no_such_release(api, namespace, wanted.release)
    return pods


def _present(api: Api, namespace: str, wanted: Wanted) -> list[Pod]:
    parts = [(pod, pod.metadata.labels.get(COMPONENT, "")) for pod in pods_of(api, namespace, wanted.release)]
    return [pod for pod, part in parts if (part == GUARD if wanted.guard else part not in _HOOKS)]


def _told(api: Api, pod: Pod, wanted: Wanted, *, prefix: bool) -> bool:
    """Print a pod's log; return False, said on stderr, when it has none."""
    try:
        _print(api, pod, wanted, prefix)
    except StartError as exc:
        print(f"edgectl: {_why(pod, wanted, exc)}", file=sys.stderr)
        return False
    return True


def _why(pod: Pod, wanted: Wanted, exc: StartError) -> str:
    if not wanted.previous or _NONE_BEFORE not in str(exc):
        return str(exc)
    status = serving_status(pod)
    again = status is not None and status.restart_count > 0
    why = "the log of the one before is gone" if again else "it has not restarted"
    return f"{pod.metadata.name}: no container before the present one: {why}"


def _print(api: Api, pod: Pod, wanted: Wanted, prefix: bool, seconds: int | None = None) -> None:
    container = serving(pod)
    query = {"tailLines": str(wanted.tail)} if seconds is None else {"sinceSeconds": str(max(1, seconds))}
    query |= {"follow": "true"} if wanted.follow else {}
    query |= {"previous": "true"} if wanted.previous else {}
    query |= {"container": container.name} if container else {}
    what = What("pods/log", pod.metadata.namespace, pod.metadata.name)
    reply = api.open("get", what, accept="*/*", query=query, timeout=_FOLLOW if wanted.follow else _READ)
    for line in _lines(reply):
        sys.stdout.write(f"{pod.metadata.name}: {line}\n" if prefix else f"{line}\n")
        sys.stdout.flush()


def _lines(reply: urllib3.BaseHTTPResponse) -> Iterator[str]:
    rest = b""
    try:
        for chunk in reply.stream(2**16):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
    except urllib3.exceptions.HTTPError as exc:
        raise StartError(f"the log ended early: {exc}") from None
    finally:
        reply.close()
    if rest:
        yield rest.decode("utf-8", "replace")
