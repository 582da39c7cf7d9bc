"""edgectl bundle check | inspect | create."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from edge_common.bundle import Answer, Budget, BundleError, Image, read_bundle

app = typer.Typer(no_args_is_help=True, help="Check, inspect and create model bundles.")

GOLDEN_DIFFERS = 3
BundlePath = Annotated[Path, typer.Argument(metavar="PATH", help="Bundle directory or .onnx file.")]


@app.command()
def check(path: BundlePath) -> None:
    """Check manifest, hash, graph and golden samples.

    Exit code 0 when all hold, 2 for a broken bundle, 3 when an answer differs.

    Example: `edgectl bundle check models/belt-detector`
    """
    from edgectl.inspection import golden_difference

    bundle = read_bundle(path)
    digest = bundle.check_hash()
    difference = golden_difference(bundle)
    if difference is not None:
        typer.echo(f"{bundle.name} {bundle.version}: {difference}", err=True)
        raise typer.Exit(GOLDEN_DIFFERS)
    typer.echo(
        f"{bundle.name} {bundle.version}: ok: sha256 {digest[:12]}…, {len(bundle.golden_files)} golden samples agree"
    )


@app.command()
def inspect(
    path: BundlePath,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show inputs, outputs, opset, size, operators, parameters, quantisation and the golden result.

    Example: `edgectl bundle inspect models/pump-failure --json | jq .inputs`
    """
    from edgectl.inspection import facts, tables

    found = facts(read_bundle(path))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    for table in tables(found):
        Console().print(table)


@app.command()
def create(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The graph to bundle.")],
    name: Annotated[str, typer.Option(help="RFC 1123 label; the protocol's model name.")],
    version: Annotated[str, typer.Option(help="Semantic version, e.g. 1.0.0.")],
    out: Annotated[Path | None, typer.Option(help="Bundle directory (default: ./NAME).")] = None,
    task: Annotated[
        str, typer.Option(help="classification, detection, segmentation, tabular, anomaly or tensor.")
    ] = "tensor",
    description: Annotated[str, typer.Option(help="One line for people.")] = "",
    inputs: Annotated[
        Path | None, typer.Option(help="An .npz with one array per input; golden outputs are recorded for it.")
    ] = None,
    generate: Annotated[int, typer.Option(min=0, max=100, help="Seeded random samples when no --inputs.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of --generate.")] = 0,
    rtol: Annotated[float, typer.Option(min=0, help="Relative tolerance of golden outputs.")] = 1e-3,
    atol: Annotated[float, typer.Option(min=0, help="Absolute tolerance of golden outputs.")] = 1e-4,
    labels: Annotated[Path | None, typer.Option(help="Text file, one class per line.")] = None,
    answer: Annotated[
        list[str] | None, typer.Option(metavar="KEY=OUTPUT", help="boxes, scores, classes, label or probabilities.")
    ] = None,
    image_input: Annotated[str, typer.Option(help="Name of the uint8 NHWC RGB input.")] = "",
    max_side: Annotated[int, typer.Option(help="Clients downscale images to this.")] = 1280,
    p95_ms: Annotated[float | None, typer.Option(help="Latency budget held on the gateway.")] = None,
    cold_start_ms: Annotated[float | None, typer.Option(help="Budget from exec to self-checked.")] = None,
    memory_mb: Annotated[float | None, typer.Option(help="Resident memory budget.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
) -> None:
    """Make a bundle from an ONNX graph and record what it answers.

    Examples:

    `edgectl bundle create pump.onnx --name pump --version 1.0.0 --task tabular --answer probabilities=probs`

    `edgectl bundle create net.onnx --name dock --version 2.1.0 --inputs frames.npz --image-input image`
    """
    from edgectl.bundle import create_bundle
    from edgectl.inspection import load_inputs
    from edgectl.runtime import Model

    if not model.is_file():
        raise BundleError(f"{model}: want an .onnx file, found none")
    samples = [load_inputs(inputs)] if inputs else Model(model).generate(generate, seed)
    made = create_bundle(
        model,
        out or Path(name),
        name=name,
        version=version,
        task=task,
        description=description,
        samples=samples,
        labels=_lines(labels),
        answer=Answer(**_pairs(answer or [])),
        image=Image(input=image_input, max_side=max_side) if image_input else None,
        budget=Budget(p95_ms=p95_ms, cold_start_ms=cold_start_ms, memory_mb=memory_mb),
        rtol=rtol,
        atol=atol,
        force=force,
    )
    typer.echo(f"{made.name} {made.version}: written to {made.directory} with {len(samples)} golden samples")


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as exc:
        raise BundleError(f"{path}: want a UTF-8 text file with one label per line: {exc}") from None


def _pairs(items: list[str]) -> dict[str, Any]:
    known = ("boxes", "scores", "classes", "label", "probabilities")
    pairs = {}
    for item in items:
        key, separator, output = item.partition("=")
        if not separator or key not in known:
            raise BundleError(f"--answer {item!r}: want KEY=OUTPUT with KEY one of {', '.join(known)}")
        pairs[key] = output
    return pairs
