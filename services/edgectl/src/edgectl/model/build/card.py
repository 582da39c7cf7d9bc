"""The model card of a bundle: the recipe's own text, with the measured figures in it."""

from __future__ import annotations

import platform
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from edge_common.tomlfile import ConfigError, read_bytes
from edgectl.bundle.session import Model
from edgectl.model.build.report import header, rows, threads
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edge_common.tensors import TensorSpec
    from edgectl.model.build.recipe import Recipe
    from edgectl.model.build.run import Built

# Where the figures go in the recipe's card; without it, they go to its end.
MARK = "<!-- figures -->"
# A card is read by people.
MAX_CARD_BYTES = 1024 * 1024
_WIDTH = 120


def read_card(recipe: Recipe) -> str:
    """Return the text of the recipe's card, or a heading where it names none.

    Raises:
        ModelError: it cannot be read, or is not UTF-8 text.
    """
    if recipe.card is None:
        return f"# {recipe.name}\n\n{recipe.description}\n\n## Figures\n\n{MARK}\n"
    try:
        return read_bytes(Path(recipe.card), MAX_CARD_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(f"{recipe.card}: want UTF-8 text, found other bytes") from None
    except ConfigError as exc:
        raise ModelError(str(exc)) from None


def filled(card: str, recipe: Recipe, built: Built) -> str:
    """Return `card` with the figures at MARK, or at its end."""
    figures = f"{_table(recipe, built)}\n\n{_how(recipe, built)}\n\n{_tensors(built)}"
    return card.replace(MARK, figures) if MARK in card else f"{card.rstrip()}\n\n## Figures\n\n{figures}\n"


def _table(recipe: Recipe, built: Built) -> str:
    columns = header(built.steps)
    lines = [columns, ["---"] * len(columns), *rows(recipe, built.original, built.steps)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _how(recipe: Recipe, built: Built) -> str:
    data = built.beside.dataset
    told = (
        f"Measured by `edgectl model build` on {len(data)} samples, one at a time, {threads(recipe)}, one machine "
        f"({platform.machine()}): the original in its own runtime, each graph in ONNX Runtime. Same labels: the share "
        "that is as the original's. Off by: the most that any number of an answer is off (of its size, where that "
        "is over 1)."
    )
    return textwrap.fill(told, _WIDTH)


def _tensors(built: Built) -> str:
    model = Model(built.steps[-1].graph)
    lines = [*(_line("in", spec) for spec in model.inputs), *(_line("out", spec) for spec in model.outputs)]
    return "\n".join(["| | tensor | type | shape |", "|---|---|---|---|", *lines])


def _line(side: str, spec: TensorSpec) -> str:
    shape = ", ".join("any" if extent < 0 else str(extent) for extent in spec.shape)
    return f"| {side} | `{spec.name}` | {spec.datatype} | [{shape}] |"
