"""edgectl model bench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from edgectl.model.bench.flags import Force, Inputs, Shape, Target, refuse_existing
from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    from edgectl.model.bench.report import Report

# numpy, onnxruntime and matplotlib are imported where they are used: `--help` and completion must not wait for them.

MAX_SECONDS = 600

Threads = Annotated[str | None, Option(metavar="1,2", help="ONNX Runtime threads; by default 1, and all CPUs up to 4.")]
Cpus = Annotated[
    str | None,
    Option(metavar="0.5,1,all", help="CPU limits, each a cgroup of its own (as root); `all` is none. This by default."),
]
Batch = Annotated[str | None, Option(metavar="1,8", help="Inputs in one run, for models with a free first axis.")]
Seconds = Annotated[float, Option(min=0.1, max=MAX_SECONDS, help="How long each setup runs; at least 10 runs.")]
Through = Annotated[bool, Option("--through-service", help="Also through edge-inference, started for each setup.")]
Service = Annotated[str | None, Option(metavar="http://host:8080", help="Also through this service, as it runs.")]
Output = Annotated[Path | None, Option(help="Directory to write bench.json and bench.png to.")]


def bench(
    path: Target,
    threads: Threads = None,
    cpus: Cpus = None,
    batch: Batch = None,
    seconds: Seconds = 3.0,
    inputs: Inputs = None,
    shape: Shape = None,
    through_service: Through = False,
    service: Service = None,
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Measure latency, throughput, load time and memory by threads, CPU limit and batch.

    One caller, one session in a process of its own, threads that do not spin; every run counts.
    """
    from edgectl.model.bench.measure import Ways, measure
    from edgectl.model.bench.plan import setups
    from edgectl.model.bench.target import open_target

    plan = setups(threads, cpus, batch)
    target = open_target(path, inputs, shape or [])
    if output is not None:
        refuse_existing(output, force, "directory", [path, inputs])
    report = measure(target, plan, Ways(through_service, service), seconds)
    # Shown before it is written: a full disk must not cost the figures.
    show(report.facts(), report.tables(), as_json)
    if output is not None:
        _write(report, output, force)


def _write(report: Report, output: Path, force: bool) -> None:
    import sys

    import orjson

    from edgectl.model.aside import written
    from edgectl.model.bench.chart import NoMatplotlib, draw

    with written(output, force, "directory") as folder:
        folder.mkdir()
        (folder / "bench.json").write_bytes(orjson.dumps(report.facts(), option=orjson.OPT_INDENT_2) + b"\n")
        try:
            draw(report.rows, report.title(), report.subtitle(), folder / "bench.png")
        except NoMatplotlib as exc:
            print(f"edgectl: no chart: {exc}", file=sys.stderr)


bench.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl model bench models/belt-detector\n\n"
    "edgectl model bench model.onnx --threads 1,2 --cpus all --batch 1,8,32 --seconds 5 --output bench-out\n\n"
    "edgectl model bench models/pump-failure --through-service --cpus 0.25,0.5,1 --json | jq '.rows[].p95_ms'"
)
