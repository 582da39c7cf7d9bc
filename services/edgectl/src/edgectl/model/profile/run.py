"""Run a graph with ONNX Runtime's profiler on, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence

from edgectl.model.bench.target import Target
from edgectl.model.costproc import feed_file, process
from edgectl.model.profile.trace import Event, read_events
from edgectl.model.scratch import scratch

# The first run allocates what the others reuse.
WARM_UP = 2
# A slow model gives fewer runs than asked for; the report says how many.
MAX_SECONDS = 60.0


def events_of(target: Target, runs: int, threads: int) -> Sequence[Event]:
    """Return the events of WARM_UP runs and then `runs`, or as many as a minute holds.

    Raises:
        ModelError: ONNX Runtime refuses the graph or the input, or does not survive it.
    """
    model = target.bundle.model_path
    with (
        scratch() as folder,
        feed_file(target.feed) as feed,
        process(model) as child,
    ):
        child.load(feed, threads, target.level, trace=str(folder / "profile"))
        child.run(MAX_SECONDS, least=WARM_UP + 1, most=WARM_UP + runs)
        return read_events(child.profile())
