"""The bundle behind edge-inference: a child on a free port, or one that runs already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_common.errors import StartError
from edgectl.model.bench.cgroup import Group, Place, limited
from edgectl.model.bench.inside import LEAST, throttled_share
from edgectl.model.bench.plan import Setup
from edgectl.model.bench.rows import SERVICE, Row, timed
from edgectl.model.bench.target import Target
from edgectl.model.bench.wire import Client, body_of
from edgectl.model.errors import ModelError
from edgectl.model.scratch import scratch

if TYPE_CHECKING:
    from edgectl.demo.processes import Child

# Loading under half a CPU, warm-up and the golden samples included.
READY_S = 300.0
_TICK_S = 0.005
_WARM_UP = 3
# What edge-inference takes by default; larger inputs raise it.
_BODY_BYTES, _ALL_BODIES = 16 * 2**20, 128 * 2**20


@dataclass(frozen=True, slots=True)
class _Started:
    child: Child
    port: int
    ready_ms: float


def remote(target: Target, url: str, seconds: float) -> Row:
    """Measure the service at `url`, whose threads and limits are its own; raise ModelError as Client does."""
    body, json_bytes = body_of(target.inputs, target.feed)
    with closing(Client(url, target.bundle.name)) as client:
        client.version()
        client.times(body, json_bytes, 0, _WARM_UP)
        times = client.times(body, json_bytes, seconds, LEAST)
    return Row(way=SERVICE, threads=None, cpus=None, load_ms=None, pss_mb=None, **timed(times, target.batch))


def through_service(target: Target, setup: Setup, place: Place | None, seconds: float) -> Row:
    """Start edge-inference for the bundle with the setup's threads and limit, measure it, and stop it.

    Raises:
        ModelError: it is not installed, does not get ready, or refuses the input.
        OSError: the kernel does not let this user make a cgroup at `place`.
    """
    body, json_bytes = body_of(target.inputs, target.feed)
    with (
        limited(place, setup.cpus) if place and setup.cpus else nullcontext() as group,
        _started(target, setup, group, len(body)) as service,
        closing(Client(f"http://127.0.0.1:{service.port}", target.bundle.name)) as client,
    ):
        client.times(body, json_bytes, 0, _WARM_UP)
        before = group.throttled() if group else None
        times = client.times(body, json_bytes, seconds, LEAST)
        service.child.measure()
        return Row(
            way=SERVICE,
            threads=setup.threads,
            cpus=setup.cpus,
            load_ms=service.ready_ms,
            pss_mb=service.child.pss_mb,
            throttled=throttled_share(before, group),
            **timed(times, target.batch),
        )


@contextmanager
def _started(target: Target, setup: Setup, group: Group | None, body_bytes: int) -> Iterator[_Started]:
    from edgectl.demo.ports import pick
    from edgectl.demo.processes import ChildFailed, Children

    taken: set[int] = set()
    ports = pick(0, taken, print), pick(0, taken, print)  # any: there is nothing to say
    with scratch() as folder:
        children = Children(folder)
        try:
            child = children.start("edge-inference", _command(target, setup, group, ports, body_bytes))
            yield _Started(child, ports[0], _wait_ready(child, ports[0]))
        except ChildFailed as exc:
            raise ModelError(f"{target.bundle.model_path}: {' '.join(str(exc).split())}") from None
        finally:
            children.close()


def _command(
    target: Target, setup: Setup, group: Group | None, ports: tuple[int, int], body_bytes: int
) -> Sequence[str]:
    from edgectl.demo.processes import program

    try:
        path = program("edge-inference")
    except StartError:
        raise ModelError(
            "--through-service: want edge-inference beside edgectl, found none; install it, or give --service URL"
        ) from None
    bundle = target.bundle.model_path if target.bundle.sha256 is None else target.bundle.directory
    command = [path, str(bundle), "--host", "127.0.0.1", "--port", str(ports[0]), "--metrics-port", str(ports[1])]
    # What is measured here may well be over the bundle's budget, under half a CPU at least; that is no reason to stop.
    command += ["--threads", str(setup.threads), "--budget", "false"]
    largest = max(_BODY_BYTES, body_bytes)
    command += ["--max-body-bytes", str(largest), "--max-total-body-bytes", str(max(_ALL_BODIES, 2 * largest))]
    if group is None:
        return command
    # In the group before its first instruction: its start is held to the limit too.
    return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.procs), *command]


def _wait_ready(child: Child, port: int) -> float:
    """Return the milliseconds from exec to ready."""
    from edgectl.demo.http import Http
    from edgectl.demo.processes import ChildFailed

    with closing(Http()) as http:
        while reason := http.ready(port):
            child.check()
            if time.monotonic() - child.started > READY_S:
                raise ChildFailed(f"edge-inference is not ready after {READY_S:g} s: {reason}")
            time.sleep(_TICK_S)
    return (time.monotonic() - child.started) * 1000
