"""The options of `edgectl model verify` and `compare`, with what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

# As edge_common.manifest.Task, which a test holds together: importing it here would cost msgspec.
Task = Literal["classification", "detection", "segmentation", "tabular", "anomaly", "tensor"]
Framework = Literal["keras", "tensorflow", "tflite", "sklearn", "xgboost", "lightgbm", "torch", "onnx"]

SAMPLES, MAX_GOLDEN = 100, 100

OriginalSource = Annotated[
    str, Argument(metavar="ORIGINAL", help="The trained model, as `edgectl model convert` takes it.")
]
Graph = Annotated[Path, Argument(metavar="BUNDLE|GRAPH.onnx", help="What it was converted to.")]
Inputs = Annotated[
    Path | None,
    Option(metavar="FILE.npz|DIR", help="Samples: .npz (an array per input), or a folder of .npz or pictures."),
]
Labels = Annotated[
    Path | None,
    Option(metavar="FILE", help="What is true: .npz, text with a class a line, or COCO .json; else from --inputs."),
]
Samples = Annotated[
    int | None, Option(min=1, max=100_000, help="At most so many; 1000 of --inputs, or 100 of noise, by default.")
]
Seed = Annotated[int, Option(min=0, help="Seed of the noise that is used without --inputs.")]
TaskOption = Annotated[Task | None, Option(help="Of a bare graph: what the answers are.")]
AnswerPairs = Annotated[
    list[str] | None, Option("--answer", metavar="KEY=OUTPUT", help="Of a bare graph: which output means what.")
]
Classes = Annotated[Path | None, Option(help="Of a bare graph: text file, one class per line.")]
Declaration = Annotated[
    Path | None, Option(metavar="FILE.toml", help="The pre- and post-processing that `prepare` put into the graph.")
]
Trust = Annotated[bool, Option("--trust", help="Run the code that a pickle, or a Lambda layer, is. Only of your own.")]
FrameworkOption = Annotated[Framework | None, Option(help="The original's framework, where the file does not tell.")]
Example = Annotated[Path | None, Option(metavar="FILE.npz", help="One array per input, where the original needs it.")]
Shape = Annotated[
    list[str] | None,
    Option(metavar="INPUT=1,3,32,32", help="Of a PyTorch original: shapes where the graph's do not tell."),
]
MaxDifference = Annotated[
    float | None,
    Option(
        min=0,
        max=1e9,
        help="Bound on |got - want| / max(1, |want|); 0.001 by default, 0.01 of a detection or a --declaration.",
    ),
]
MaxRelative = Annotated[
    float | None,
    Option(
        min=0,
        max=1e9,
        help="Bound on each float output's error over all samples, RMS by RMS; 0.001 by default, 0.01 of a "
        "detection or a --declaration; --max-difference where that is larger.",
    ),
]
MinAgreement = Annotated[
    str | None, Option(metavar="99.9%", help="Labels that must be the same; 99.9% by default, 99% of a detection.")
]
MaxDrop = Annotated[
    str | None, Option(metavar="0.5%", help="How much lower the metric may be, in points; 0.5% by default.")
]
Worst = Annotated[Path | None, Option(metavar="DIR", help="Save the worst samples to this new folder.")]
Golden = Annotated[
    int | None,
    Option(min=1, max=MAX_GOLDEN, help="Record so many in the bundle, worst and typical ones, in place of its own."),
]
Force = Annotated[bool, Option("--force", help="Replace the folder of --worst.")]
