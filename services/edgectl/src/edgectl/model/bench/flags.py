"""The options that bench and profile share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from edgectl.model.errors import ModelError

Target = Annotated[Path, Argument(metavar="BUNDLE|GRAPH.onnx", help="Bundle directory or .onnx file.")]
Inputs = Annotated[Path | None, Option(help="An .npz with one array per input; a golden sample or noise otherwise.")]
Shape = Annotated[list[str] | None, Option(metavar="INPUT=1,480,640,3", help="Feed noise with its free axes so.")]
Force = Annotated[bool, Option("--force", help="Replace what is there already.")]


def refuse_existing(path: Path, force: bool) -> None:
    """Raise ModelError when something is at `path` and not `force`: sooner than after the work, as written() would."""
    if path.exists() and not force:
        raise ModelError(f"{path}: want a new name to write to, found something there; --force replaces it")
