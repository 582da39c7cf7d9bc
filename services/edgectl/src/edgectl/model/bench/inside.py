"""The graph in a process of its own, without a service around it."""

from __future__ import annotations

from contextlib import nullcontext

from edgectl.model.bench.cgroup import Group, Place, limited
from edgectl.model.bench.plan import Setup
from edgectl.model.bench.rows import INSIDE, Row, timed
from edgectl.model.bench.target import Target
from edgectl.model.costproc import feed_file, process

# Fewer runs say nothing of a tail; a model of a second a run takes ten.
LEAST = 10


def inside(target: Target, setup: Setup, place: Place | None, seconds: float) -> Row:
    """Measure the graph with the setup's threads, under its limit where `place` allows one.

    Raises:
        ModelError: ONNX Runtime refuses the graph or the input, or does not survive it.
        OSError: the kernel does not let this user make a cgroup at `place`.
    """
    model = target.bundle.model_path
    with (
        limited(place, setup.cpus) if place and setup.cpus else nullcontext() as group,
        feed_file(target.feed) as feed,
        process(model) as child,
    ):
        if group:
            group.procs.write_text(str(child.pid))
        child.load(feed, setup.threads, target.level)
        before = group.throttled() if group else None
        times = child.run(seconds, LEAST)
        return Row(
            way=INSIDE,
            threads=setup.threads,
            cpus=setup.cpus,
            load_ms=child.load_ms,
            pss_mb=child.pss / 1e6,
            throttled=throttled_share(before, group),
            **timed(times, target.batch),
        )


def throttled_share(before: tuple[int, int] | None, group: Group | None) -> float | None:
    """Return the share of periods since `before` in which the limit held the group up; None without a limit."""
    if before is None or group is None:
        return None
    periods, held = (now - then for now, then in zip(group.throttled(), before, strict=True))
    return held / periods if periods else 0.0
