"""edgectl bundle check | inspect | create | diff."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgectl.bundle import flags

if TYPE_CHECKING:
    from edge_common.manifest import Image
    from edge_common.tensors import Array

# numpy, onnx and onnxruntime are imported in the commands: `--help` and completion must not wait for them.

GOLDEN_DIFFERS = 3
# As diff(1) says it.
DIFFERENT = 1
SAMPLES_BY_DEFAULT, MAX_SIDE_BY_DEFAULT = 2, 1280

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check, inspect, create and compare model bundles.")

BundlePath = Annotated[Path, typer.Argument(metavar="PATH", help="Bundle directory or .onnx file.")]


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


@app.command(epilog="Example: edgectl bundle diff bundles/pump-1.0.0 bundles/pump-1.1.0")
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Bundle directory or .onnx file: the earlier one.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The later one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show what changed: model.toml, tensors, operators, weights, labels, size, golden samples and tolerances.

    Exit code 0 when the two are the same, 1 when they differ, 2 for a bundle that is broken.
    """
    from edgectl.bundle.diff import diff_bundles
    from edgectl.bundle.difftable import tables
    from edgectl.model.report import show

    found = diff_bundles(a, b)
    show(found, tables(found), as_json)
    if not found["same"]:
        raise typer.Exit(DIFFERENT)


@app.command(
    epilog="Examples:\n\n"
    "edgectl bundle create pump.onnx --name pump --version 1.0.0 --task tabular --answer probabilities=probs "
    "--labels labels.txt --reference windows.npz\n\n"
    "edgectl bundle create dock.onnx --name dock --version 2.1.0 --inputs frame.npz --image-input image "
    "--output bundles/dock"
)
def create(
    model: flags.Model,
    name: flags.Name,
    version: flags.Version,
    out: flags.Out = None,
    task: flags.TaskOption = "tensor",
    description: flags.Description = "",
    inputs: flags.Inputs = None,
    reference: flags.Reference = None,
    generate: flags.Generate = None,
    seed: flags.Seed = 0,
    shape: flags.Shape = None,
    rtol: flags.Rtol = 1e-3,
    atol: flags.Atol = 1e-4,
    labels: flags.Labels = None,
    answer: flags.AnswerPairs = None,
    image_input: flags.ImageInput = None,
    max_side: flags.MaxSide = None,
    p95_ms: flags.P95 = None,
    cold_start_ms: flags.ColdStart = None,
    memory_mb: flags.Memory = None,
    force: flags.Force = False,
) -> None:
    """Make a bundle of a graph, with golden samples that record what it answers here."""
    from edge_common.bundle import BundleError
    from edge_common.manifest import Budget, Image
    from edgectl.bundle import options
    from edgectl.bundle.create import Facts, create_bundle
    from edgectl.bundle.reference import recorded
    from edgectl.bundle.session import GraphRefuses

    facts = Facts(
        name=name,
        version=version,
        task=task,
        description=description,
        image=Image(input=image_input, max_side=max_side or MAX_SIDE_BY_DEFAULT) if image_input else None,
        answer=options.answer_of(answer or []),
        budget=Budget(p95_ms=p95_ms, cold_start_ms=cold_start_ms, memory_mb=memory_mb),
    )
    if max_side is not None and not image_input:
        raise BundleError("--max-side: want --image-input too; without an image it says nothing")
    feeds = _given(model, inputs or [])
    names = options.read_labels(labels) if labels else ()
    facts["reference"], without = recorded(model, facts["answer"], names, feeds, reference)
    if count := SAMPLES_BY_DEFAULT if generate is None and not feeds else generate:
        feeds += _generated(model, count, seed, options.shapes_of(shape or []), facts["image"])
    try:
        bundle = create_bundle(
            model, out or Path(name), inputs=feeds, labels=names, rtol=rtol, atol=atol, force=force, **facts
        )
    except GraphRefuses as exc:
        raise BundleError(str(exc) if inputs else f"{exc}; noise does not suit it: give --inputs, or --shape") from None
    print(f"{bundle.name} {bundle.version}: written to {bundle.directory} with {len(feeds)} golden samples")
    if without:
        print(f"no reference in it, so its answers can drift unseen: {without}")


def _given(model: Path, paths: list[Path]) -> list[dict[str, Array]]:
    from edgectl.bundle.options import read_feed
    from edgectl.bundle.session import Model

    feeds = [read_feed(path) for path in paths]
    graph = Model(model) if feeds else None
    for path, feed in zip(paths, feeds, strict=True):
        if graph is not None:
            graph.check(feed, f"--inputs {path}")
    return feeds


def _generated(
    model: Path, count: int, seed: int, shapes: dict[str, list[int]], image: Image | None
) -> list[dict[str, Array]]:
    from edgectl.bundle.generate import generate as noise
    from edgectl.bundle.session import Model

    return noise(Model(model).inputs, count, seed, shapes, image)
