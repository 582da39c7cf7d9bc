"""Files that a recipe names and that are not there: told by the recipe's own keys, before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edgectl.model.build.recipe import Recipe


def refuse_missing(path: Path, recipe: Recipe) -> None:
    """Raise ModelError for the first file that the recipe in `path` names and that is not there."""
    source, data = recipe.source, recipe.data
    # A PyTorch factory is no path; edgectl.model.convert.open knows whether there is one.
    if ":" not in source.model and not Path(source.model).exists():
        raise ModelError(f"{path}: source.model: {source.model}: no such file{_trainer(path, Path(source.model))}")
    named = {
        "source.example": source.example,
        "data.verify": data.verify,
        "data.labels": data.labels,
        "data.calibration": data.calibration,
    }
    for key, name in named.items():
        if name is not None and not Path(name).exists():
            raise ModelError(f"{path}: {key}: {name}: no such file")


def _trainer(recipe: Path, model: Path) -> str:
    """Return a hint where a train.py stands beside the recipe or the model, or above the model's folder."""
    for folder in (recipe.parent, *list(model.parents)[:2]):
        if (folder / "train.py").is_file():
            return f"; python {folder / 'train.py'} may make it"
    return ""
