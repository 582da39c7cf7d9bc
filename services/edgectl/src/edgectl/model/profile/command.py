"""edgectl model profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from edgectl.model.bench.flags import Force, Inputs, Shape, Target, refuse_existing
from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgectl.model.profile.trace import Event

# A thousand runs of a thousand operators are the million events that ONNX Runtime keeps.
Runs = Annotated[int, Option(min=1, max=1000, help="Runs to take the mean of, as many as a minute holds.")]
Threads = Annotated[int, Option(min=1, max=256, help="ONNX Runtime threads.")]
Top = Annotated[int, Option(min=1, max=1000, help="Rows of each table; --json has all.")]
Trace = Annotated[
    Path | None,
    Option(metavar="FILE.json", help="Write the trace: for ui.perfetto.dev, chrome://tracing, speedscope.app."),
]


def profile(
    path: Target,
    runs: Runs = 50,
    threads: Threads = 1,
    top: Top = 20,
    inputs: Inputs = None,
    shape: Shape = None,
    trace: Trace = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show where the time of a run goes, by operator and by layer, as ONNX Runtime's profiler has it.

    Operators are those that ONNX Runtime makes of the graph: fused, and with the layouts it prefers.
    """
    from edgectl.model.bench.target import open_target
    from edgectl.model.profile.report import facts, tables
    from edgectl.model.profile.run import WARM_UP, events_of
    from edgectl.model.profile.trace import profile_of

    if trace is not None:
        refuse_existing(trace, force, "file", [path, inputs])
    target = open_target(path, inputs, shape or [])
    events = events_of(target, runs, threads)
    found = facts(profile_of(events, WARM_UP), target, threads)
    show(found, tables(found, top), as_json)
    if trace is not None:
        _write(events, f"{target.bundle.name} {target.bundle.version}", trace, force)


def _write(events: Sequence[Event], name: str, trace: Path, force: bool) -> None:
    import orjson

    from edgectl.model.aside import written
    from edgectl.model.profile.trace import for_viewers

    with written(trace, force, "file") as path:
        path.write_bytes(orjson.dumps(for_viewers(events, name)))


profile.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl model profile models/belt-detector\n\n"
    "edgectl model profile model.onnx --shape image=1,480,640,3 --threads 2 --trace trace.json\n\n"
    "edgectl model profile models/pump-failure --json | jq '.by_operator[0]'"
)
