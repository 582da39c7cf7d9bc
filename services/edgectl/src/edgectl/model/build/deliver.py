"""The bundle of what a recipe's steps made."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.bundle import Bundle, sha256_of
from edge_common.manifest import Image, Reference, Source
from edgectl.bundle.create import create_bundle
from edgectl.bundle.reference import TooFew, reference_of
from edgectl.bundle.session import Model
from edgectl.model.build.card import filled
from edgectl.model.build.report import metric_of
from edgectl.model.build.steady import golden_feeds
from edgectl.model.data import Feed, takes_pictures
from edgectl.model.data_npz import narrowed

if TYPE_CHECKING:
    from edgectl.model.build.recipe import Recipe
    from edgectl.model.build.run import Built

# Beside what the original's framework names: they made the graph and its answers, whatever it was.
_TOOLS = ("edgectl", "onnx", "onnxruntime")


def deliver(recipe: Recipe, built: Built, card: str, out: Path, force: bool) -> tuple[Bundle, str]:
    """Write the bundle to `out`; return it, and why there is no reference in it, if so.

    Raises:
        BundleError: the graph gives other answers in a second run, or `out` cannot be written.
    """
    step = built.steps[-1]
    graph = Model(step.graph)
    reference, without = _reference(built, graph)
    image = next(
        (Image(input=spec.name, max_side=recipe.image.max_side) for spec in graph.inputs if takes_pictures(spec)), None
    )
    bundle = create_bundle(
        step.graph,
        out,
        inputs=golden_feeds(graph, step.verdict, built.beside.answer, recipe.golden),
        labels=built.beside.labels,
        rtol=recipe.golden.rtol,
        atol=recipe.golden.atol,
        extra={"README.md": filled(card, recipe, built)},
        force=force,
        name=recipe.name,
        version=recipe.version,
        task=recipe.task,
        description=recipe.description,
        image=image,
        answer=built.beside.answer,
        reference=reference,
        budget=recipe.budget,
        source=_source(recipe, built),
    )
    return bundle, without


def _reference(built: Built, graph: Model) -> tuple[Reference | None, str]:
    """Return what drift is told against: the answers to the samples, where those are real and enough."""
    beside = built.beside
    if beside.dataset.noise:
        return None, "noise says nothing of real inputs; name some in [data] verify"
    try:
        return reference_of(graph, beside.answer, beside.labels, _feeds(built, graph)), ""
    except TooFew as exc:
        return None, str(exc)


def _feeds(built: Built, graph: Model) -> Iterator[Feed]:
    return (narrowed(feed, graph.inputs) for feed in built.beside.dataset.feeds)


def _source(recipe: Recipe, built: Built) -> Source:
    file = Path(recipe.source.model)
    return Source(
        framework=built.original.framework,
        original_sha256=sha256_of(file) if file.is_file() else None,
        metric=metric_of(built.steps),
        tools=dict(built.original.tools) | {name: installed(name) for name in _TOOLS},
    )
