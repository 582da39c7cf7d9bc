"""A recipe's steps in order, each measured: convert, prepare, optimise, quantise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.bundle import BundleError, check_labels
from edge_common.manifest import Answer
from edgectl.bundle.options import read_labels
from edgectl.bundle.session import Model
from edgectl.model.build.recipe import Recipe
from edgectl.model.build.remembered import Remembered
from edgectl.model.build.samples import calibration, entry, inner, verification
from edgectl.model.build.step import BoundPassed, Step
from edgectl.model.build.work import Beside, Work, in_recipe
from edgectl.model.convert.classes import labels_of
from edgectl.model.convert.open import open_original
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.run import convert
from edgectl.model.errors import ModelError
from edgectl.model.graphs import write_model
from edgectl.model.prepare.declaration import Declaration
from edgectl.model.prepare.reference import Prepared
from edgectl.model.prepare.run import prepare
from edgectl.model.verify.bounds import Bounds, bounds_for

if TYPE_CHECKING:
    import onnx

# With eight bits, numbers move by tenths where the model wavers; what counts is that few labels and no metric change.
_QUANTISED_DIFFERENCE, _QUANTISED_AGREEMENT = 0.5, 0.95
_QUANTISED = "verify.quantised"


@dataclass(frozen=True, slots=True)
class Built:
    """The steps that were made, the last one's graph being the result; `original` has kept its answers and times."""

    original: Remembered
    beside: Beside
    steps: Sequence[Step]


def opened(recipe: Recipe) -> Remembered:
    """Return the recipe's original; raise ModelError when it cannot be read, as edgectl model convert would."""
    options = _options(recipe)
    try:
        return Remembered(open_original(recipe.source.model, options=options))
    except ModelError as exc:
        # Nobody gave the option.
        key = "source.example" if recipe.source.example else "data.verify"
        raise ModelError(str(exc).replace(f"--example {options.example}:", f"{key}: {options.example}:")) from None


def make(work: Work, original: Remembered) -> Built:
    """Make the recipe's graphs, each measured.

    Raises:
        BoundPassed: a step's graph is further from the original than the recipe allows; `work` has the steps so far.
        StartError: bad input, as each step has it.
    """
    recipe = work.recipe
    labels: Sequence[str] = read_labels(Path(recipe.labels)) if isinstance(recipe.labels, str) else recipe.labels
    if recipe.output is None:
        labels = labels_of(original, labels, f"{work.path}: labels")
    beside = _in_float(work, original, labels)
    if recipe.optimise and recipe.optimise.level == "portable":
        _optimise(work, beside)
    if recipe.quantise:
        _quantise(work, beside)
    if recipe.optimise and recipe.optimise.level == "target":
        # Last, for what is laid out for one machine cannot be quantised any more.
        _optimise(work, beside)
    return Built(original, beside, work.steps)


def _options(recipe: Recipe) -> ConvertOptions:
    source = recipe.source
    example = source.example or _own_samples(recipe)
    return ConvertOptions(
        trust=source.trust,
        framework=source.framework,
        example=Path(example) if example else None,
        dtype=source.dtype,
        batch=source.batch,
        shapes={name: tuple(extents) for name, extents in source.shapes.items()},
    )


def _own_samples(recipe: Recipe) -> str | None:
    """Return the samples to verify on where they are what the model itself takes: nothing is to come before it."""
    verify = recipe.data.verify
    return verify if verify is not None and verify.endswith(".npz") and recipe.input is None else None


def _in_float(work: Work, original: Remembered, labels: Sequence[str]) -> Beside:
    """Convert and, where the recipe declares some, add pre- and post-processing; return what the graphs are held to."""
    recipe = work.recipe
    model = convert(original)
    write_model(model, work.place("converted"))
    if recipe.input is None and recipe.output is None:
        answer = _answer(work, "converted", labels)
        dataset = verification(recipe, original.inputs, labels)
        beside = Beside(original, dataset, answer, recipe.task, labels)
        work.measure("converted", beside, _bounds(recipe))
        return beside
    return _prepared(work, original, model, labels)


def _prepared(work: Work, original: Remembered, model: onnx.ModelProto, labels: Sequence[str]) -> Beside:
    recipe = work.recipe
    declaration = Declaration(input=recipe.input, output=recipe.output)
    with _named(work.path):
        whole = Prepared(original, declaration, labels)
        prepared = prepare(model, declaration, labels)
    dataset = verification(recipe, whole.inputs, labels)
    bare = Beside(original, inner(dataset, entry(declaration, original.inputs)), Answer(), "tensor")
    table, note = "verify.converted", "without pre- and post-processing"
    work.measure("converted", bare, _bare_bounds(recipe), table=table, note=note)
    write_model(prepared, work.place("prepared"))
    beside = Beside(whole, dataset, _answer(work, "prepared", labels), recipe.task, labels)
    work.measure("prepared", beside, _bounds(recipe))
    return beside


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What does not fit the model was said in the recipe: say where."""
    try:
        yield
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from None


def _answer(work: Work, name: str, labels: Sequence[str]) -> Answer:
    """Return the recipe's answer, to which `labels` must be as many as its shares have columns."""
    specs = Model(work.place(name)).outputs
    answer = _meaning(work, [spec.name for spec in specs])
    try:
        check_labels(f"{work.path}: labels", answer, labels, specs)
    except BundleError as exc:
        raise ModelError(str(exc)) from None
    return answer


def _meaning(work: Work, outputs: Sequence[str]) -> Answer:
    """Return the recipe's [answer]; without one, an output called as a key of it is what that key means."""
    answer = work.recipe.answer
    if answer is None:
        return Answer(**{key: key for key in Answer.__struct_fields__ if key in outputs and key != "labels"})
    for key, output in answer.outputs().items():
        if output not in outputs:
            raise ModelError(
                f"{work.path}: answer.{key}: want an output of the graph {list(outputs)}, found {output!r}"
            )
    return answer


def _optimise(work: Work, beside: Beside) -> None:
    from edgectl.model.optimise.run import AnswersDiffer, optimise

    recipe = work.recipe
    assert recipe.optimise is not None
    level, quantised = recipe.optimise.level, work.steps[-1].name == "quantised"
    bounds = _quantised_bounds(recipe) if quantised else _bounds(recipe)
    try:
        facts = optimise(work.graph, work.place("optimised"), level)
    except AnswersDiffer as exc:
        raise BoundPassed((f"optimised: {exc}",)) from None
    note = f"{level}: {facts['before']['operators']} -> {facts['after']['operators']} operators"
    table = _QUANTISED if quantised else "verify"
    work.measure("optimised", beside, bounds, table=table, note=note, laid_out=level == "target")


def _quantise(work: Work, beside: Beside) -> None:
    # A second of imports, which a recipe without the step need not wait for.
    from edgectl.model.quantise.plan import Plan
    from edgectl.model.quantise.run import quantise

    recipe, said = work.recipe, work.recipe.quantise
    assert said is not None
    samples = calibration(recipe, Model(work.graph).inputs)
    plan = Plan(
        method=said.method,
        calibrate=said.calibrate,
        max_drop=said.max_drop,
        measure=said.measure,
        exclude=tuple(said.exclude),
        labels=tuple(beside.labels),
        full_range=said.full_range,
    )
    result = quantise(
        work.graph,
        work.place("quantised"),
        plan,
        samples.feeds if samples else (),
        labels=samples.labels if samples else None,
    )
    if result.refused:
        told = result.refused.removeprefix(f"{work.graph}: ")
        raise BoundPassed((f"quantised: {in_recipe(told, 'quantise')}",))
    note = f"{result.method}, {result.quantised} layers, {len(result.excluded)} left float"
    work.measure("quantised", beside, _quantised_bounds(recipe), table=_QUANTISED, note=note)


def _bounds(recipe: Recipe) -> Bounds:
    said, before = recipe.verify, recipe.input
    resized = before is not None and before.kind == "image" and before.resize != "none"
    return bounds_for(
        recipe.task,
        said.max_difference,
        said.min_agreement,
        said.max_drop,
        max_relative=said.max_relative,
        resized=resized,
    )


def _bare_bounds(recipe: Recipe) -> Bounds:
    """Shares, boxes and classes come of post-processing: bare numbers are held to their differences alone."""
    said = recipe.verify.converted
    return bounds_for("tensor", said.max_difference, 0.0, 1.0, max_relative=said.max_relative)


def _quantised_bounds(recipe: Recipe) -> Bounds:
    """The recipe's own; else what eight bits do to a good model, and the drop that quantising was allowed."""
    assert recipe.quantise is not None
    said = recipe.verify.quantised
    return Bounds(
        max_difference=_QUANTISED_DIFFERENCE if said.max_difference is None else said.max_difference,
        min_agreement=_QUANTISED_AGREEMENT if said.min_agreement is None else said.min_agreement,
        max_drop=recipe.quantise.max_drop if said.max_drop is None else said.max_drop,
        max_relative=said.max_relative,
    )
