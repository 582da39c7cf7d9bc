"""A group of commands that is imported when it is called, so that none waits for another's libraries."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Mapping
from typing import Any

import typer
import typer.core

# Command -> module and the function or typer app that is it.
Commands = Mapping[str, tuple[str, str]]


def lazy_group(commands: Commands) -> type[typer.core.TyperGroup]:
    """Return the class of a group that knows `commands` by name and imports one when it is asked for.

    Ctrl-C in one that does not end so by itself is a line on stderr and exit code 130.
    """

    class LazyGroup(typer.core.TyperGroup):
        def invoke(self, ctx: Any) -> Any:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                # typer says nothing, and a shell prompt alone does not tell that something was left undone.
                print("edgectl: interrupted before it was done", file=sys.stderr)
                raise typer.Exit(128 + signal.SIGINT) from None

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
            return list(commands)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
            return _command(cmd_name, *commands[cmd_name]) if cmd_name in commands else None

    return LazyGroup


def _command(name: str, module: str, attribute: str) -> Any:
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        function, target = target, typer.Typer(add_completion=False)
        # A command made of a function takes its epilog from there: there is no decorator to say it.
        target.command(name=name, epilog=getattr(function, "epilog", None))(function)
    command = typer.main.get_command(target)
    command.name = name
    return command
