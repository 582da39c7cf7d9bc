"""edgectl bundle check | inspect | create."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from edge_common.manifest import Image
    from edge_common.tensors import Array

# numpy, onnx and onnxruntime are imported in the commands: `--help` and completion must not wait for them.

GOLDEN_DIFFERS = 3
SAMPLES_BY_DEFAULT = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check, inspect and create model bundles.")

BundlePath = Annotated[Path, typer.Argument(metavar="PATH", help="Bundle directory or .onnx file.")]
# The same words as edge_common.manifest.Task, which a test holds together: importing it here would cost msgspec.
Task = Literal["classification", "detection", "segmentation", "tabular", "anomaly", "tensor"]


@app.command(epilog="Example: edgectl bundle check models/belt-detector")
def check(path: BundlePath) -> None:
    """Check manifest, hash, graph and golden samples.

    Exit code 0 when all hold, 2 for a bundle that is broken, 3 when an answer is not the recorded one.
    """
    from edgectl.bundle.check import check_bundle

    result = check_bundle(path)
    bundle = result.bundle
    for difference in result.differences:
        print(f"edgectl: {bundle.name} {bundle.version}: {difference}", file=sys.stderr)
    if result.differences:
        raise typer.Exit(GOLDEN_DIFFERS)
    golden = f"{result.samples} golden samples agree" if result.samples else "no golden samples"
    print(f"{bundle.name} {bundle.version}: ok: sha256 {result.sha256[:12]}, {golden}")


@app.command(epilog="Example: edgectl bundle inspect models/pump-failure --json | jq .inputs")
def inspect(
    path: BundlePath, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False
) -> None:
    """Show inputs, outputs, opset, size, operators, parameters, quantisation and the golden result."""
    from edgectl.bundle.inspect import inspect_bundle, tables

    facts = inspect_bundle(path)
    if as_json:
        import orjson

        print(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode())
        return
    from rich.console import Console

    Console().print(*tables(facts), sep="\n")


@app.command(
    epilog="Examples:\n\n"
    "edgectl bundle create pump.onnx --name pump --version 1.0.0 --task tabular --answer probabilities=probs "
    "--labels labels.txt\n\n"
    "edgectl bundle create dock.onnx --name dock --version 2.1.0 --inputs frame.npz --image-input image "
    "--out bundles/dock"
)
def create(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The graph to bundle.")],
    name: Annotated[str, typer.Option(help="Lower-case label; the protocol's model name.")],
    version: Annotated[str, typer.Option(help="Semantic version such as 1.2.0.")],
    out: Annotated[Path | None, typer.Option(help="Directory to write; ./NAME by default.")] = None,
    task: Annotated[Task, typer.Option(help="What the answers are.")] = "tensor",
    description: Annotated[str, typer.Option(help="One sentence for people.")] = "",
    inputs: Annotated[
        list[Path] | None, typer.Option(help="An .npz with one array per input; one golden sample each.")
    ] = None,
    generate: Annotated[
        int | None,
        typer.Option(min=0, max=100, help="Golden samples of noise; 2 by default when there are no --inputs."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --generate.")] = 0,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="INPUT=1,480,640,3", help="Settles variable dims for --generate.")
    ] = None,
    rtol: Annotated[float, typer.Option(min=0, max=1, help="Relative tolerance of golden answers.")] = 1e-3,
    atol: Annotated[float, typer.Option(min=0, help="Absolute tolerance of golden answers.")] = 1e-4,
    labels: Annotated[Path | None, typer.Option(help="Text file, one class per line.")] = None,
    answer: Annotated[
        list[str] | None, typer.Option(metavar="KEY=OUTPUT", help="Which output means what: boxes, scores, ...")
    ] = None,
    image_input: Annotated[str | None, typer.Option(help="The input that takes uint8 NHWC RGB pixels.")] = None,
    max_side: Annotated[int, typer.Option(help="Clients downscale an image to this.")] = 1280,
    p95_ms: Annotated[float | None, typer.Option(help="Budget: latency held on the gateway.")] = None,
    cold_start_ms: Annotated[float | None, typer.Option(help="Budget: from exec to ready.")] = None,
    memory_mb: Annotated[float | None, typer.Option(help="Budget: resident memory.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle that is there.")] = False,
) -> None:
    """Make a bundle of a graph, with golden samples that record what it answers here."""
    from edge_common.manifest import Budget, Image
    from edgectl.bundle import options
    from edgectl.bundle.create import create_bundle

    image = Image(input=image_input, max_side=max_side) if image_input else None
    feeds = [options.read_feed(path) for path in inputs or []]
    count = generate if generate is not None else 0 if feeds else SAMPLES_BY_DEFAULT
    if count:
        feeds += _generated(model, count, seed, options.shapes_of(shape or []), image)
    bundle = create_bundle(
        model,
        out or Path(name),
        name=name,
        version=version,
        task=task,
        description=description,
        inputs=feeds,
        image=image,
        answer=options.answer_of(answer or []),
        labels=options.read_labels(labels) if labels else (),
        rtol=rtol,
        atol=atol,
        budget=Budget(p95_ms=p95_ms, cold_start_ms=cold_start_ms, memory_mb=memory_mb),
        force=force,
    )
    print(f"{bundle.name} {bundle.version}: written to {bundle.directory} with {len(feeds)} golden samples")


def _generated(
    model: Path, count: int, seed: int, shapes: dict[str, list[int]], image: Image | None
) -> list[dict[str, Array]]:
    from edgectl.bundle.generate import generate as noise
    from edgectl.bundle.session import Model

    return noise(Model(model).inputs, count, seed, shapes, image)
