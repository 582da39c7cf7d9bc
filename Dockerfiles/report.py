"""`make image-report`: compressed and unpacked size of each layer, and the largest files in it."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from build import planned, sample_bundles
from edge_common.errors import StartError
from engine import EngineError, save
from layout import Layer, read_layout

_WIDTH = 120
_PACKAGES = "usr/local/lib/python3.11/dist-packages/"


def layers_of(image: str) -> list[Layer]:
    """Return the layers of a local image.

    Raises:
        EngineError: there is no such image, or no engine.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "image"
        target.mkdir()
        save(image, target)
        return read_layout(target)


def show(image: str, layers: list[Layer], top: int, seen: dict[str, str]) -> Table:
    """Return one image's table; `seen` has the layers of those before it, whose files are not told again."""
    table = Table(title=image, title_justify="left", show_footer=True)
    table.add_column("layer", footer="all", no_wrap=True, min_width=19)
    for name, sizes in (("compressed", [x.compressed for x in layers]), ("unpacked", [x.unpacked for x in layers])):
        table.add_column(name, footer=_mb(sum(sizes)), justify="right", no_wrap=True, min_width=11)
    table.add_column("largest files", overflow="ellipsis", no_wrap=True)
    for layer in layers:
        known = seen.setdefault(layer.digest, image)
        largest = f"as in {known}" if known != image else "\n".join(_line(*file) for file in layer.files[:top])
        table.add_row(layer.digest[:19], _mb(layer.compressed), _mb(layer.unpacked), largest, end_section=True)
    return table


def _line(name: str, size: int) -> str:
    return f"{_mb(size)} {name.removeprefix(_PACKAGES)}"


def _mb(size: int) -> str:
    return f"{size / 1e6:8.3f} MB"


def _named(registry: str) -> list[str]:
    return [image.name for image in planned(sample_bundles(), registry)]


def main(
    images: Annotated[list[str] | None, typer.Argument(help="local images; those of `make images` if none")] = None,
    registry: Annotated[str, typer.Option(help="first part of the images' names")] = "localhost",
    top: Annotated[int, typer.Option(help="files shown of each layer")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object: image -> layers, with all files")] = False,
) -> None:
    """Report the sizes of images that were built here."""
    try:
        found = {image: layers_of(image) for image in images or _named(registry)}
    except (EngineError, StartError) as exc:
        print(f"image-report: {exc}", file=sys.stderr)
        sys.exit(2)
    if as_json:
        print(json.dumps({image: [dataclasses.asdict(layer) for layer in layers] for image, layers in found.items()}))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    seen: dict[str, str] = {}
    for image, layers in found.items():
        console.print(show(image, layers, top, seen))
    once = {layer.digest: layer for layers in found.values() for layer in layers}.values()
    console.print(
        f"all together, each layer once: {_mb(sum(layer.compressed for layer in once))} compressed,"
        f" {_mb(sum(layer.unpacked for layer in once))} unpacked"
    )


if __name__ == "__main__":
    typer.run(main)
