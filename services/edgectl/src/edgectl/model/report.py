"""How every step reports: tables for people, JSON for programs, progress on stderr so that pipes stay clean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def show(facts: Mapping[str, Any], tables: Iterable[RenderableType], as_json: bool) -> None:
    """Print `facts` as JSON, or else the `tables` made of them."""
    if as_json:
        import orjson

        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        print(orjson.dumps(facts, option=options).decode())
        return
    from rich.console import Console

    Console().print(*tables, sep="\n")


def progress() -> Progress:
    """Return a progress bar on stderr, gone when done; nothing is drawn where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # A bar that is gone leaves an empty line even where none was drawn.
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
