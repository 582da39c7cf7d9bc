"""`edgectl`: each group of commands is imported when it is called, so that one does not wait for another's libraries."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
import typer.core

from edge_common.errors import StartError

BAD_INPUT = 2
# Command -> module and the function or typer app that is it.
_COMMANDS = {
    "bundle": ("edgectl.bundlecmd.commands", "app"),
    "demo": ("edgectl.demo.command", "demo"),
}


class LazyGroup(typer.core.TyperGroup):
    """Commands known by name, imported when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
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


@app.callback(help="Model bundles, and a demo of the whole chain.")
def _root() -> None: ...


def main() -> None:
    """Run; a StartError is one line on stderr and exit code 2."""
    try:
        app()
    except StartError as exc:
        print(f"edgectl: {exc}", file=sys.stderr)
        raise SystemExit(BAD_INPUT) from None
