"""The options that bench and profile share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

if TYPE_CHECKING:
    from edgectl.model.aside import Kind

Target = Annotated[Path, Argument(metavar="BUNDLE|GRAPH.onnx", help="Bundle directory or .onnx file.")]
Inputs = Annotated[Path | None, Option(help="An .npz with one array per input; a golden sample or noise otherwise.")]
Shape = Annotated[list[str] | None, Option(metavar="INPUT=1,480,640,3", help="Feed noise with its free axes so.")]
Force = Annotated[bool, Option("--force", help="Replace what is there already.")]


def refuse_existing(path: Path, force: bool, kind: Kind, reads: Iterable[Path | None]) -> None:
    """Raise ModelError when `path` cannot be written: sooner than after the work, as written() would."""
    from edgectl.model.aside import vacant

    vacant(path, force, kind, reads=reads)
