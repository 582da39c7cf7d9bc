"""`edgectl model optimise`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from edgectl.model.errors import BOUND_PASSED
from edgectl.model.report import AsJson, show

ModelPath = Annotated[Path, Argument(metavar="MODEL.onnx|BUNDLE", help="Graph, or bundle directory, to optimise.")]
Output = Annotated[Path, Option(help="File to write; a directory when the model is a bundle.")]
LevelOption = Annotated[
    Literal["portable", "target"],
    Option(help="portable: standard operators, any machine. target: laid out for this CPU and ONNX Runtime only."),
]
Inputs = Annotated[
    Path | None,
    Option(metavar="FILE.npz|DIR", help="Compare answers on these; golden samples, or else noise, by default."),
]
Rounds = Annotated[int, Option(min=1, max=100, help="Times that both graphs are loaded and run; medians count.")]
Force = Annotated[bool, Option("--force", help="Replace what is there.")]


def optimise(
    model: ModelPath,
    output: Output,
    level: LevelOption = "portable",
    inputs: Inputs = None,
    rounds: Rounds = 3,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Optimise a graph offline; show size, load time, memory and how far the answers differ.

    Exit code 0 when written, 1 when the optimised graph answers otherwise, 2 for bad input.
    """
    from edgectl.model.optimise.report import tables
    from edgectl.model.optimise.run import AnswersDiffer
    from edgectl.model.optimise.run import optimise as run

    try:
        facts = run(model, output, level, inputs=inputs, force=force, rounds=rounds)
    except AnswersDiffer as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        raise typer.Exit(BOUND_PASSED) from None
    show(facts, tables(facts), as_json)


optimise.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\nedgectl model optimise dock.onnx --output dock.opt.onnx\n\n"
    "edgectl model optimise models/belt-detector --output belt-for-this-gateway --level target"
)
