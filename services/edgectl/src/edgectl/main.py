"""`edgectl`: a group of commands is imported when it is called, so that none waits for another's libraries."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer
import typer.core

from edge_common.errors import StartError

BAD_INPUT = 2
# Command -> module and the function or typer app that is it.
_COMMANDS = {
    "bundle": ("edgectl.bundle.commands", "app"),
    "demo": ("edgectl.demo.command", "demo"),
    "rollout": ("edgectl.rollout.commands", "app"),
    "status": ("edgectl.status.commands", "status"),
    "logs": ("edgectl.status.commands", "logs"),
    "events": ("edgectl.status.commands", "events"),
}


class LazyGroup(typer.core.TyperGroup):
    """Commands known by name, imported when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        target = getattr(importlib.import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False)
            target.command(name=cmd_name)(function)
        command = typer.main.get_command(target)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


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
