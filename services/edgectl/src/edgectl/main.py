"""`edgectl`: the command, its groups and its exit codes."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from typing import Annotated

import typer

from edge_common.errors import StartError
from edgectl.lazy import lazy_group

BAD_INPUT = 2
_COMMANDS = {
    "model": ("edgectl.model.commands", "app"),
    "bundle": ("edgectl.bundle.commands", "app"),
    "image": ("edgectl.image.commands", "app"),
    "demo": ("edgectl.demo.command", "demo"),
    "rollout": ("edgectl.rollout.commands", "app"),
    "status": ("edgectl.status.commands", "status"),
    "logs": ("edgectl.status.commands", "logs"),
    "events": ("edgectl.status.commands", "events"),
}


app = typer.Typer(cls=lazy_group(_COMMANDS), no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """From models to gateways. `edgectl --install-completion` completes commands in your shell."""
    if show_version:
        typer.echo(f"edgectl {installed('edgectl')}")
        raise typer.Exit


def main() -> None:
    """Run; a StartError is one line on stderr and exit code 2."""
    try:
        app()
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        raise SystemExit(BAD_INPUT) from None
