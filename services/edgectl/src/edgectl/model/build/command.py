"""`edgectl model build`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from edgectl.model.errors import BOUND_PASSED
from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    from edgectl.model.build.recipe import Recipe
    from edgectl.model.build.remembered import Remembered
    from edgectl.model.build.work import Work

RecipePath = Annotated[
    Path, Argument(metavar="RECIPE.toml", help="What to make of which model; docs/models/recipe.md.")
]
Output = Annotated[Path | None, Option(help="Directory of the bundle, in place of the recipe's `bundle`.")]
Data = Annotated[
    Path | None, Option(metavar="FILE.npz|DIR", help="Samples to verify on, in place of the recipe's own.")
]
Force = Annotated[bool, Option("--force", help="Replace the bundle that is there.")]


def build(
    recipe: RecipePath, output: Output = None, data: Data = None, force: Force = False, as_json: AsJson = False
) -> None:
    """Make a bundle of a trained model: convert, prepare, optimise, quantise and verify as the recipe says.

    After every step, one line says what it did to size, speed and accuracy. Exit code 0 when the bundle is written, 1
    when a bound of accuracy is passed, 2 for bad input; then nothing is written.
    """
    from edgectl.model.build.recipe import read_recipe

    read = read_recipe(recipe)
    if data is not None:
        read = _with_data(read, data)
    _build(recipe, read, output or Path(read.bundle or read.name), force, as_json)


build.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\nedgectl model build models/bearing-tflite/recipe.toml --output bearing\n\n"
    "edgectl model build recipe.toml --data yesterday.npz --force --json | jq '.steps[-1].cost'"
)


def _with_data(recipe: Recipe, data: Path) -> Recipe:
    from msgspec.structs import replace

    from edgectl.model.errors import ModelError

    if not data.exists():
        raise ModelError(f"--data {data}: no such file")
    # The recipe's labels are of the recipe's samples.
    return replace(recipe, data=replace(recipe.data, verify=str(data), labels=None))


def _build(path: Path, recipe: Recipe, out: Path, force: bool, as_json: bool) -> None:
    import tempfile

    from edgectl.bundle.create import refuse_used
    from edgectl.model.build.card import read_card
    from edgectl.model.build.missing import refuse_missing
    from edgectl.model.build.run import opened
    from edgectl.model.build.work import Work

    refuse_used(out, force)
    refuse_missing(path, recipe)
    card = read_card(recipe)
    original = opened(recipe)
    # stdout is the report's alone where a program reads it.
    stream = sys.stderr if as_json else sys.stdout
    with tempfile.TemporaryDirectory(prefix="edgectl-build-") as folder:
        work = Work(path, recipe, Path(folder), lambda line: print(line, file=stream, flush=True))
        _made(work, original, card, out, force, as_json)


def _made(work: Work, original: Remembered, card: str, out: Path, force: bool, as_json: bool) -> None:
    from edgectl.model.build.deliver import deliver
    from edgectl.model.build.report import facts, tables
    from edgectl.model.build.run import make
    from edgectl.model.build.step import BoundPassed

    recipe = work.recipe
    passed: tuple[str, ...] = ()
    found: dict[str, Any] = {"bundle": None, "passed": [], "no_reference": None}
    try:
        built = make(work, original)
        bundle, without = deliver(recipe, built, card, out, force)
        found |= {"bundle": str(bundle.directory), "no_reference": without or None}
    except BoundPassed as exc:
        passed = exc.lines
        found["passed"] = list(passed)
    show(found | facts(recipe, original, work.steps), tables(recipe, original, work.steps), as_json)
    for line in passed:
        print(f"edgectl: {line}", file=sys.stderr)
    if passed:
        print("edgectl: no bundle is written", file=sys.stderr)
        raise typer.Exit(BOUND_PASSED)
    if not as_json:
        print(f"{recipe.name} {recipe.version}: written to {found['bundle']}")
        if found["no_reference"]:
            print(f"no reference in it, so its answers can drift unseen: {found['no_reference']}")
