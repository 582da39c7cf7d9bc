"""edgectl model verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgectl.model.errors import BOUND_PASSED
from edgectl.model.report import AsJson, show
from edgectl.model.verify import flags

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original
    from edgectl.model.data import Dataset
    from edgectl.model.verify.target import Target
    from edgectl.model.verify.verdict import Verdict


def verify(
    source: flags.OriginalSource,
    graph: flags.Graph,
    inputs: flags.Inputs = None,
    labels: flags.Labels = None,
    samples: flags.Samples = None,
    seed: flags.Seed = 0,
    task: flags.TaskOption = None,
    answer: flags.AnswerPairs = None,
    classes: flags.Classes = None,
    declaration: flags.Declaration = None,
    trust: flags.Trust = False,
    framework: flags.FrameworkOption = None,
    example: flags.Example = None,
    shape: flags.Shape = None,
    max_difference: flags.MaxDifference = None,
    max_relative: flags.MaxRelative = None,
    min_agreement: flags.MinAgreement = None,
    max_drop: flags.MaxDrop = None,
    worst: flags.Worst = None,
    golden: flags.Golden = None,
    force: flags.Force = False,
    as_json: AsJson = False,
) -> None:
    """Run the original in its framework beside its graph, and compare what they answer.

    Exit code 0 when every bound holds, 1 when one is passed, 2 for bad input.
    """
    from edgectl.model.aside import vacant
    from edgectl.model.verify.bounds import bounds_for, share
    from edgectl.model.verify.opened import Given, opened
    from edgectl.model.verify.run import verify as verified
    from edgectl.model.verify.target import target_of
    from edgectl.model.verify.truth import named_by

    target = target_of(graph, task, answer or [], classes)
    agreement = share("--min-agreement", min_agreement) if min_agreement is not None else None
    drop = share("--max-drop", max_drop) if max_drop is not None else None
    resized = declaration is not None
    bounds = bounds_for(target.task, max_difference, agreement, drop, max_relative=max_relative, resized=resized)
    _refuse(target, golden)
    if worst is not None:
        vacant(worst, force, "directory", reads=[Path(source), graph, inputs, labels, declaration], option="--worst")
    given = Given(declaration=declaration, trust=trust, framework=framework, example=example, shapes=shape or [])
    original = opened(source, target, given)
    dataset = dataset_of(target, inputs, labels, samples, seed)
    with named_by(target.naming):
        verdict = verified(original, target.path, dataset, bounds, target.answer, target.task, target.labels)
    show(verdict.facts(), verdict.tables(), as_json)
    if worst is not None:
        _save(worst, verdict, original, target, force)
    if not verdict.holds:
        for line in verdict.passed:
            print(f"edgectl: {line}", file=sys.stderr)
        raise typer.Exit(BOUND_PASSED)
    if golden is not None:
        _record(target, verdict, golden)


def dataset_of(target: Target, inputs: Path | None, labels: Path | None, samples: int | None, seed: int) -> Dataset:
    """Return the samples to run, with what is known of them; noise when there are no `inputs`."""
    from edgectl.model.data import MAX_SAMPLES, generated, read_feeds
    from edgectl.model.data_labels import labelled
    from edgectl.model.errors import ModelError

    if inputs is not None:
        found = read_feeds(inputs, target.model.inputs, samples or MAX_SAMPLES)
        return labelled(found, labels, target.labels) if labels else found
    if labels is not None:
        raise ModelError("--labels: want --inputs too; nothing is known to be true of noise")
    return generated(target.model.inputs, samples or flags.SAMPLES, seed)


def _refuse(target: Target, golden: int | None) -> None:
    """Raise ModelError for what would only be refused once the work is done."""
    from edgectl.model.errors import ModelError

    if golden is not None and target.bundle is None:
        raise ModelError(f"--golden {golden}: want a bundle directory to record them in, found the graph {target.path}")


def _save(worst: Path, verdict: Verdict, original: Original, target: Target, force: bool) -> None:
    from edgectl.model.verify.worst import save_worst

    files = save_worst(worst, verdict, original, target.model, force)
    print(f"edgectl: {worst}: {', '.join(files) or 'empty, as no sample differs'}", file=sys.stderr)


def _record(target: Target, verdict: Verdict, count: int) -> None:
    from edgectl.model.verify.golden import record

    assert target.bundle is not None
    bundle = record(target.bundle, target.model.inputs, verdict, count)
    print(f"edgectl: {bundle.directory}: {len(bundle.golden_files)} golden samples recorded", file=sys.stderr)


verify.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl model verify net.keras bundles/net --inputs photos/ --worst worst\n\n"
    "edgectl model verify forest.skops bundles/pump --inputs rows.npz --labels truth.txt --golden 6\n\n"
    "edgectl model verify detector.pt2 detector.onnx --declaration detector.toml --inputs photos/ "
    "--labels instances.json --max-drop 1%"
)
