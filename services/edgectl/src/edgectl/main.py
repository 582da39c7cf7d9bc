"""`edgectl`: the command, its groups and its exit codes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Annotated

import typer

from edge_common.errors import StartError
from edgectl.lazy import lazy_group

if TYPE_CHECKING:
    from types import FrameType

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
    """Run; a StartError is one line on stderr and exit code 2.

    SIGTERM and SIGHUP clear up as Ctrl-C does; their exit codes are 143 and 129.
    """
    # Before whatever imports it first: ONNX Runtime would report its use to its maker, and leave a file in TMPDIR.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    with _ended_in_order():
        try:
            app()
        except StartError as exc:
            # 20 ms of msgspec, which help need not wait for.
            from edge_common.tomlfile import one_line

            # Names of files come from outside: no line end and no terminal code of theirs gets through.
            print(f"edgectl: {one_line(str(exc))}", file=sys.stderr)
            raise SystemExit(BAD_INPUT) from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make SIGTERM and SIGHUP leave by SystemExit: files half written, children and cgroups are cleared away first.

    SIGHUP stays ignored where it is, as under nohup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops = [signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        stops.remove(signal.SIGHUP)
    before = {number: signal.signal(number, _terminated) for number in stops}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminated(number: int, _: FrameType | None) -> None:
    # `timeout` sends it twice, the second time to its group: that one must not end the clearing up.
    signal.signal(number, signal.SIG_IGN)
    # Not print(), which this may have interrupted; and the terminal that hung up may be where it would go.
    with suppress(OSError):
        os.write(sys.stderr.fileno(), b"edgectl: terminated before it was done\n")
    raise SystemExit(128 + number)
