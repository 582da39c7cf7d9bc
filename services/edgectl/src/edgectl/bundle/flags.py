"""The options of `edgectl bundle create`, with what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

# The same words as edge_common.manifest.Task, which a test holds together: importing it here would cost msgspec.
Task = Literal["classification", "detection", "segmentation", "tabular", "anomaly", "tensor"]

Model = Annotated[Path, Argument(metavar="MODEL.onnx", help="The graph to bundle.")]
Name = Annotated[str, Option(help="Lower-case label; the protocol's model name.")]
Version = Annotated[str, Option(help="Semantic version such as 1.2.0.")]
Out = Annotated[Path | None, Option("--output", "--out", help="Directory to write; ./NAME by default.")]
TaskOption = Annotated[Task, Option(help="What the answers are.")]
Description = Annotated[str, Option(help="One sentence for people.")]
Inputs = Annotated[list[Path] | None, Option(help="An .npz with one array per input; one golden sample each.")]
Reference = Annotated[
    Path | None,
    Option(
        metavar="FILE.npz|DIR",
        help="Many real inputs (.npz, named as --inputs): drift is told against what is answered to them.",
    ),
]
Generate = Annotated[
    int | None, Option(min=0, max=100, help="Golden samples of noise; 2 by default when there are no --inputs.")
]
Seed = Annotated[int, Option(min=0, help="Seed of --generate.")]
Shape = Annotated[list[str] | None, Option(metavar="INPUT=1,480,640,3", help="Settles variable dims for --generate.")]
Rtol = Annotated[float, Option(min=0, max=1, help="Relative tolerance of golden answers.")]
Atol = Annotated[float, Option(min=0, help="Absolute tolerance of golden answers.")]
Labels = Annotated[Path | None, Option(help="Text file, one class per line.")]
AnswerPairs = Annotated[
    list[str] | None, Option(metavar="KEY=OUTPUT", help="Which output means what: boxes, scores, ...")
]
ImageInput = Annotated[str | None, Option(help="The input that takes uint8 NHWC RGB pixels.")]
MaxSide = Annotated[int | None, Option(help="Clients downscale an image to this; 1280 when there is an --image-input.")]
P95 = Annotated[float | None, Option(help="Budget: latency held on the gateway.")]
ColdStart = Annotated[float | None, Option(help="Budget: from exec to ready.")]
Memory = Annotated[float | None, Option(help="Budget: resident memory.")]
Force = Annotated[bool, Option("--force", help="Replace the bundle that is there.")]
