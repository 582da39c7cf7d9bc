"""edgectl model compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from edgectl.model.errors import BOUND_PASSED
from edgectl.model.report import AsJson, show
from edgectl.model.verify import flags

First = Annotated[Path, Argument(metavar="A", help="A bundle directory or .onnx file.")]
Second = Annotated[Path, Argument(metavar="B", help="The one that is to replace it.")]
Budget = Annotated[
    str | None,
    Option(
        metavar="KEY=NUMBER,...",
        help="Bounds on B: p50_ms, p95_ms, p99_ms, load_ms, memory_mb, size_mb at most; "
        "per_s, accuracy (the task's metric), agreement at least.",
    ),
]
Threads = Annotated[int, Option(min=1, help="ONNX Runtime threads.")]
Seconds = Annotated[float, Option(min=0.1, max=600, help="How long each is run, in turns.")]


def compare(
    a: First,
    b: Second,
    inputs: flags.Inputs = None,
    labels: flags.Labels = None,
    samples: flags.Samples = None,
    seed: flags.Seed = 0,
    task: flags.TaskOption = None,
    answer: flags.AnswerPairs = None,
    classes: flags.Classes = None,
    budget: Budget = None,
    threads: Threads = 1,
    seconds: Seconds = 1.0,
    as_json: AsJson = False,
) -> None:
    """Put two bundles or graphs side by side: accuracy, latency, size, memory.

    Exit code 0 when B keeps to the budget, 1 when it passes a bound, 2 for bad input.
    """
    from edgectl.model.compare.budget import budget_of
    from edgectl.model.compare.run import compare as compared
    from edgectl.model.compare.tables import tables
    from edgectl.model.verify.command import dataset_of
    from edgectl.model.verify.target import target_of
    from edgectl.model.verify.truth import named_by

    bounds = budget_of(budget)
    first, second = (target_of(path, task, answer or [], classes) for path in (a, b))
    dataset = dataset_of(second if first.bundle is None and second.bundle else first, inputs, labels, samples, seed)
    with named_by((first if first.bundle else second).naming):
        found = compared(first, second, dataset, bounds, threads, seconds)
    show(found.facts(), tables(found), as_json)
    for line in found.passed:
        print(f"edgectl: {line}", file=sys.stderr)
    if found.passed:
        raise typer.Exit(BOUND_PASSED)


compare.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl model compare bundles/net bundles/net-int8 --inputs photos/ --budget p95_ms=40,accuracy=95%\n\n"
    "edgectl model compare old.onnx new.onnx --answer probabilities=probs --json | jq .ratio"
)
