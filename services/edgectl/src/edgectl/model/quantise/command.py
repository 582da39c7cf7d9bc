"""`edgectl model quantise`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from edgectl.model.errors import BOUND_PASSED, ModelError
from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgectl.model.data import Dataset

ModelPath = Annotated[Path, Argument(metavar="MODEL.onnx", help="Float graph to quantise.")]
Output = Annotated[Path, Option(help="File to write.")]
MethodOption = Annotated[
    Literal["auto", "dynamic", "static", "fp16"],
    Option(
        help="auto: static where there are convolutions, else dynamic. fp16 halves the size, and is slower on CPUs."
    ),
]
Calibration = Annotated[
    Path | None,
    Option(
        metavar="DIR|FILE.npz",
        help="Real inputs, to calibrate and to measure the drop: pictures (subfolders are classes), or arrays named as "
        "the inputs, with labels as `labels`.",
    ),
]
CalibrateOption = Annotated[Literal["minmax", "entropy", "percentile"], Option(help="How ranges are found.")]
MaxDrop = Annotated[str, Option(metavar="0.5%", help="Largest drop allowed: 0.5% or 0.005.")]
MeasureOption = Annotated[
    Literal["auto", "accuracy", "agreement", "error"],
    Option(
        help="Drop of what: the task's metric on labels; agreement of classes with the float graph; relative error."
    ),
]
Labels = Annotated[
    Path | None,
    Option(metavar="FILE", help="What is true: .npz, text with a class a line, or COCO .json; else of --calibration."),
]
Classes = Annotated[Path | None, Option(help="Text file, one class per line: the names of the model's classes.")]
AnswerPairs = Annotated[
    list[str] | None,
    Option("--answer", metavar="KEY=OUTPUT", help="Which output means what; by their names and looks otherwise."),
]
Exclude = Annotated[list[str] | None, Option(metavar="NODE", help="Layer that stays float; repeat it for more.")]
FullRange = Annotated[
    bool,
    Option("--full-range", help="Weights of 8 bits, not 7: more precise, and slower on x86 without VNNI."),
]
Seconds = Annotated[float, Option(min=0.1, max=600, help="How long both graphs are timed, each.")]
Force = Annotated[bool, Option("--force", help="Replace what is there.")]


def quantise(
    model: ModelPath,
    output: Output,
    method: MethodOption = "auto",
    calibration: Calibration = None,
    calibrate: CalibrateOption = "minmax",
    max_drop: MaxDrop = "0.5%",
    measure: MeasureOption = "auto",
    labels: Labels = None,
    classes: Classes = None,
    answer: AnswerPairs = None,
    exclude: Exclude = None,
    full_range: FullRange = False,
    seconds: Seconds = 1.0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a graph compute in eight bits (or sixteen) within a bound of accuracy; measure what that costs and brings.

    Each layer's sensitivity is measured, and the most sensitive stay float until the bound holds. Exit code 0 when
    written, 1 when no way holds the bound or the result is both slower and larger, 2 for bad input.
    """
    from edgectl.bundle.options import answer_of, read_labels
    from edgectl.model.aside import vacant
    from edgectl.model.quantise.plan import Plan
    from edgectl.model.quantise.report import tables
    from edgectl.model.quantise.run import quantise as run
    from edgectl.model.verify.bounds import share

    plan = Plan(
        method=method,
        calibrate=calibrate,
        max_drop=share("--max-drop", max_drop, "0.5% or 0.005"),
        measure=measure,
        exclude=tuple(exclude or ()),
        labels=tuple(read_labels(classes)) if classes else (),
        answer=answer_of(answer) if answer else None,
        full_range=full_range,
        seconds=seconds,
    )
    # Sooner than after the work, as the run would say it.
    vacant(output, force, "file", reads=[model, calibration, labels, classes])
    data = _data(model, calibration, labels, plan.labels)
    result = run(
        model,
        output,
        plan,
        data.feeds if data else (),
        labels=data.labels if data else None,
        names=data.names if data else (),
        force=force,
    )
    show(result.facts(), tables(result), as_json)
    if result.refused:
        print(f"edgectl: {result.refused}", file=sys.stderr)
        raise typer.Exit(BOUND_PASSED)
    print(f"written to {output}", file=sys.stderr if as_json else sys.stdout)


quantise.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\nedgectl model quantise dock.onnx --output dock.int8.onnx --calibration frames/ --max-drop 1%\n\n"
    "edgectl model quantise vibration.onnx --output vibration.int8.onnx --exclude head"
)


def _data(model: Path, calibration: Path | None, labels: Path | None, classes: Sequence[str]) -> Dataset | None:
    from edgectl.bundle.session import Model
    from edgectl.model.data import read_feeds
    from edgectl.model.data_labels import labelled
    from edgectl.model.graphs import read_model

    read_model(model)  # for its own words about what is no model
    if calibration is None:
        if labels is not None:
            raise ModelError(f"--labels {labels}: want --calibration too, which they are of")
        return None
    data = read_feeds(calibration, Model(model).inputs)
    return labelled(data, labels, classes) if labels else data
