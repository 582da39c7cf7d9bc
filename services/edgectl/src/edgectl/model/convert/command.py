"""`edgectl model convert`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from edgectl.bundle import flags as bundle
from edgectl.model.convert import flags
from edgectl.model.report import AsJson, show

_MAX_SIDE = 1280


def convert(
    source: flags.Source,
    name: bundle.Name,
    version: bundle.Version,
    output: flags.Output = None,
    task: bundle.TaskOption = "tensor",
    description: bundle.Description = "",
    labels: bundle.Labels = None,
    answer: bundle.AnswerPairs = None,
    image_input: bundle.ImageInput = None,
    max_side: bundle.MaxSide = None,
    p95_ms: bundle.P95 = None,
    cold_start_ms: bundle.ColdStart = None,
    memory_mb: bundle.Memory = None,
    framework: flags.FrameworkOption = None,
    trust: flags.Trust = False,
    example: flags.Example = None,
    shape: flags.Shape = None,
    dtype: flags.Dtype = None,
    batch: flags.Batch = None,
    golden: flags.Golden = 2,
    rtol: bundle.Rtol = 1e-3,
    atol: bundle.Atol = 1e-4,
    force: bundle.Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a bundle of a trained model, after comparing the graph with the original.

    Exit code 1 when they differ by more than --rtol and --atol; then nothing is written.
    """
    from pathlib import Path

    from edge_common.bundle import BundleError
    from edge_common.manifest import Answer, Budget, Image
    from edgectl.bundle import options as given
    from edgectl.bundle.create import Facts
    from edgectl.model.convert.bundled import answer_of, check_ahead, source_of
    from edgectl.model.convert.classes import label_tells, labels_of
    from edgectl.model.convert.converted import converted
    from edgectl.model.convert.options import ConvertOptions
    from edgectl.model.convert.report import tables
    from edgectl.model.errors import BOUND_PASSED

    if max_side is not None and not image_input:
        raise BundleError("--max-side: want --image-input too; without an image it says nothing")
    facts = Facts(
        name=name, version=version, task=task, description=description,
        image=Image(input=image_input, max_side=max_side or _MAX_SIDE) if image_input else None,
        answer=given.answer_of(answer or []),
        budget=Budget(p95_ms=p95_ms, cold_start_ms=cold_start_ms, memory_mb=memory_mb),
    )  # fmt: skip
    shapes = {key: tuple(extents) for key, extents in given.shapes_of(shape or []).items()}
    options = ConvertOptions(
        trust=trust, framework=framework, example=example, dtype=dtype, batch=batch, shapes=shapes
    )  # fmt: skip
    names: Sequence[str] = given.read_labels(labels) if labels else ()
    out = output or Path(name)
    check_ahead(out, facts, force)
    with _working(source):
        done = converted(source, options, rtol, atol)
    if doubt := done.doubt(rtol, atol):
        show(done.facts, tables(done.facts), as_json)
        print(f"edgectl: {source}: {doubt}", file=sys.stderr)
        raise typer.Exit(BOUND_PASSED)
    means = answer_of(facts["answer"] or Answer(), task, done.session.outputs, named=label_tells(done.original))
    facts["answer"] = means
    if names or means.outputs():
        names = labels_of(done.original, names, f"--labels {labels}")
    facts["source"] = source_of(source, done.original)
    made = done.write(out, facts, golden, labels=names, rtol=rtol, atol=atol, force=force)
    report = done.facts | {"bundle": str(made.directory), "golden_samples": len(made.golden_files)}
    show(report, tables(report), as_json)
    if not as_json:
        print(f"{name} {version}: written to {made.directory} with {len(made.golden_files)} golden samples")


convert.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\nedgectl model convert parcels.keras --name parcels --version 1.0.0 --task classification "
    "--answer probabilities=probs --labels labels.txt --output bundles/parcels\n\n"
    "edgectl model convert pump.skops --name pump --version 1.0.0 --task tabular --example windows.npz\n\n"
    "edgectl model convert nets:segmenter --shape image=1,3,128,128 --name segmenter --version 0.1.0"
)


@contextmanager
def _working(source: str) -> Iterator[None]:
    """Say what is going on where stderr is a terminal; on a copy of it, as frameworks' noise is kept off the other."""
    import os

    from rich.console import Console

    with os.fdopen(os.dup(2), "w") as terminal, Console(file=terminal).status(f"converting {source}"):
        yield
