"""edgectl: the command of platform engineers and data scientists."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from typing import Annotated

import typer
from edge_common.errors import StartError

from edgectl import bundle_commands
from edgectl.demo.command import demo

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Models to verified bundles, bundles to gateways. `edgectl --install-completion` completes in your shell.",
)
app.add_typer(bundle_commands.app, name="bundle")
app.command("demo")(demo)

BAD_INPUT = 2


@app.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(f"edgectl {installed('edgectl')}")
        raise typer.Exit


def main() -> None:
    """Run; a bad input is one line on stderr and exit code 2."""
    try:
        app()
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        sys.exit(BAD_INPUT)
