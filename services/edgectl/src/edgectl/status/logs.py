"""`edgectl logs`: the logs of all pods of a release."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.api import Api, What
from edgectl.cluster.connect import connect
from edgectl.cluster.objects import COMPONENT, Pod
from edgectl.cluster.pods import no_such_release, pods_of, serving

_GUARD = "guard"
# The pods of Deployments; those of preflights and tests tell their own story in events.
_HOOKS = ("preflight", "test", _GUARD)
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
    pods = _pods(api, wanted.namespace or api.namespace, wanted)
    if wanted.follow:
        return _follow(api, pods, wanted)
    # All of them: any() alone would stop at the first that has one.
    return any(tuple(_told(api, pod, wanted, prefix=len(pods) > 1) for pod in pods))


def _pods(api: Api, namespace: str, wanted: Wanted) -> list[Pod]:
    found = pods_of(api, namespace, wanted.release)
    parts = [(pod, pod.metadata.labels.get(COMPONENT, "")) for pod in found]
    pods = [pod for pod, part in parts if (part == _GUARD if wanted.guard else part not in _HOOKS)]
    if not pods and found and wanted.guard:
        why = "only one that failed stays, for a day"
        raise StartError(f"{wanted.release}: no pod of its guard in namespace {namespace}: {why}")
    if not pods:
        raise no_such_release(api, namespace, wanted.release, components=())
    return pods


def _follow(api: Api, pods: Sequence[Pod], wanted: Wanted) -> bool:
    ends: SimpleQueue[bool | OSError | ValueError] = SimpleQueue()

    def read(pod: Pod) -> None:
        try:
            ends.put(_told(api, pod, wanted, prefix=len(pods) > 1))
        except (OSError, ValueError) as exc:
            # Of stdout: nobody reads on, as after `| head`, or it cannot encode this.
            ends.put(exc)

    for pod in pods:
        threading.Thread(target=read, args=(pod,), daemon=True).start()
    any_log = False
    for _ in pods:
        end = ends.get()
        if isinstance(end, OSError | ValueError):
            raise end
        any_log |= end
    return any_log


def _told(api: Api, pod: Pod, wanted: Wanted, *, prefix: bool) -> bool:
    """Print a pod's log; return False, said on stderr, when it has none."""
    try:
        _print(api, pod, wanted, prefix=prefix)
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        return False
    return True


def _print(api: Api, pod: Pod, wanted: Wanted, *, prefix: bool) -> None:
    container = serving(pod)
    query = {"tailLines": str(wanted.tail)}
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
