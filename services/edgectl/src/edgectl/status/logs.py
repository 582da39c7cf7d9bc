"""`edgectl logs`: the logs of all pods of a release."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import urllib3

from edge_common.errors import StartError
from edgectl.cluster.api import Api, What
from edgectl.cluster.connect import connect
from edgectl.cluster.objects import COMPONENT, Pod
from edgectl.cluster.pods import no_such_release, pods_of, serving

# The pods of Deployments; those of preflights and tests tell their own story in events.
_HOOKS = ("preflight", "test", "guard")
# A pod that says nothing for long is no fault while one follows.
_FOLLOW = urllib3.Timeout(connect=5, read=None)
_READ = urllib3.Timeout(connect=5, read=60)


def print_logs(release: str, *, namespace: str, context: str, follow: bool, previous: bool, tail: int) -> None:
    """Print to stdout.

    Raises:
        StartError: no such release, no log, or no permission.
    """
    api = connect(context=context)
    place = namespace or api.namespace
    pods = [pod for pod in pods_of(api, place, release) if pod.metadata.labels.get(COMPONENT) not in _HOOKS]
    if not pods:
        raise no_such_release(api, place, release)
    query = (
        {"tailLines": str(tail)} | ({"follow": "true"} if follow else {}) | ({"previous": "true"} if previous else {})
    )
    prefix = len(pods) > 1
    if not follow:
        for pod in pods:
            _print(api, pod, query, _READ, prefix=prefix)
        return
    threads = [
        threading.Thread(target=_follow, args=(api, pod, query), kwargs={"prefix": prefix}, daemon=True) for pod in pods
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _follow(api: Api, pod: Pod, query: dict[str, str], *, prefix: bool) -> None:
    try:
        _print(api, pod, query, _FOLLOW, prefix=prefix)
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)


def _print(api: Api, pod: Pod, query: dict[str, str], timeout: urllib3.Timeout, *, prefix: bool) -> None:
    container = serving(pod)
    named = {"container": container.name} if container else {}
    what = What("pods/log", pod.metadata.namespace, pod.metadata.name)
    reply = api.open("get", what, accept="*/*", query={**query, **named}, timeout=timeout)
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
