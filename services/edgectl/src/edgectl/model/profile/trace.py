"""ONNX Runtime's own profile: its events, and the time that each operator took by itself."""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.model.errors import ModelError
from edgectl.model.scratch import filling_scratch

Event = Mapping[str, Any]

_RUN, _KERNEL = "model_run", "_kernel_time"
# ONNX Runtime keeps a million events of 700 bytes at most.
MAX_TRACE_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of the graph as it ran, fused or not; `ms` is its mean over the runs, nodes inside it left out."""

    name: str
    operator: str
    output: str
    parameter_bytes: int
    ms: float


@dataclass(frozen=True, slots=True)
class Profile:
    """`run_ms` is the mean of a whole run, of which `layers` is the part spent in operators; slowest first."""

    runs: int
    run_ms: float
    load_ms: float
    layers: Sequence[Layer]

    @property
    def operators_ms(self) -> float:
        """The part of a run that is spent in operators."""
        return sum(layer.ms for layer in self.layers)


def read_events(path: Path) -> list[Event]:
    """Return the events of the temporary file that ONNX Runtime wrote; raise ModelError when it is too large or cut."""
    import orjson

    if path.stat().st_size > MAX_TRACE_BYTES:
        raise ModelError(
            f"{path}: want a profile under 1 GiB, found {path.stat().st_size / 2**30:.1f} GiB; fewer --runs"
        )
    try:
        events: list[Event] = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        # ONNX Runtime says nothing of a full disk.
        with filling_scratch():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
    return events


def profile_of(events: Sequence[Event], warm_up: int) -> Profile:
    """Return the means of all runs but the first `warm_up`; raise ModelError where no run is left."""
    runs = sorted((event for event in events if event["name"] == _RUN), key=lambda event: event["ts"])[warm_up:]
    if not runs:
        raise ModelError(
            "the profile holds no run: ONNX Runtime stops at a million events; "
            "give a smaller input by --shape or --inputs"
        )
    nodes = [e for e in events if e["cat"] == "Node" and e["name"].endswith(_KERNEL) and e["ts"] >= runs[0]["ts"]]
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    first: dict[tuple[str, str], Event] = {}
    for event, microseconds in _own_times(nodes):
        key = (event["name"].removesuffix(_KERNEL), event["args"]["node_index"])
        first.setdefault(key, event)
        spent[key] += microseconds
    layers = [_layer(name, first[name, index], us / len(runs)) for (name, index), us in spent.items()]
    return Profile(
        runs=len(runs),
        run_ms=sum(event["dur"] for event in runs) / len(runs) / 1000,
        load_ms=sum(event["dur"] for event in events if event["name"] == "session_initialization") / 1000,
        layers=sorted(layers, key=lambda layer: -layer.ms),
    )


def _layer(name: str, event: Event, microseconds: float) -> Layer:
    args = event["args"]
    return Layer(
        name=name,
        operator=args["op_name"],
        output=", ".join(
            f"{kind} {shape}" for each in args.get("output_type_shape", []) for kind, shape in each.items()
        ),
        parameter_bytes=int(args.get("parameter_size", 0)),
        ms=microseconds / 1000,
    )


def _own_times(nodes: Iterable[Event]) -> Iterator[tuple[Event, float]]:
    """Yield each event with its microseconds less those of the events inside it, as those of a loop's body are."""
    threads: defaultdict[int, list[Event]] = defaultdict(list)
    for event in nodes:
        threads[event["tid"]].append(event)
    for events in threads.values():
        # The outer one first where both begin in the same microsecond.
        events.sort(key=lambda event: (event["ts"], -event["dur"]))
        inside = [0.0] * len(events)
        around: list[int] = []
        for index, event in enumerate(events):
            while around and _end(events[around[-1]]) < _end(event):
                around.pop()
            if around:
                inside[around[-1]] += event["dur"]
            around.append(index)
        yield from ((event, max(0.0, event["dur"] - less)) for event, less in zip(events, inside, strict=True))


def _end(event: Event) -> int:
    end: int = event["ts"] + event["dur"]
    return end


def for_viewers(events: Sequence[Event], name: str) -> Mapping[str, Any]:
    """Return the events as Chrome's trace format has them, with the process and its main thread named."""
    process = events[0]["pid"] if events else 0
    about = [
        {
            "ph": "M",
            "name": "process_name",
            "pid": process,
            "tid": process,
            "ts": 0,
            "args": {"name": f"edgectl: {name}"},
        },
        {"ph": "M", "name": "thread_name", "pid": process, "tid": process, "ts": 0, "args": {"name": "run"}},
    ]
    return {"displayTimeUnit": "ms", "traceEvents": [*about, *events]}
