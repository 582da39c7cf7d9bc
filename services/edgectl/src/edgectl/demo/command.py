"""`edgectl demo`: its options. The work is imported when the command runs, so that others start fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[int, typer.Option(min=0, max=65535)]


def demo(
    models: Annotated[Path, typer.Option(help="folder with belt-detector and pump-failure")] = Path("models"),
    forever: Annotated[bool, typer.Option("--forever", help="loop the clip until Ctrl-C")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="no colours")] = False,
    belt_port: Port = 8080,
    belt_metrics_port: Port = 9090,
    pump_port: Port = 8081,
    pump_metrics_port: Port = 9092,
    camera_port: Port = 8090,
    camera_metrics_port: Port = 9091,
) -> None:
    """Run a camera clip through the whole chain and print events, then figures.

    Events go to stdout, one JSON object a line; everything else to stderr. Exit code 0 only when recall over all
    frames sent is at least 0.8, no frame is lost to error, rejected or decode, at most a tenth to timeout and stale,
    and every process ran and stopped in order.
    """
    from edgectl.demo.plan import Plan, Ports
    from edgectl.demo.start import start

    wanted = Ports(
        belt=belt_port,
        belt_metrics=belt_metrics_port,
        pump=pump_port,
        pump_metrics=pump_metrics_port,
        camera=camera_port,
        camera_metrics=camera_metrics_port,
    )
    raise typer.Exit(start(Plan(models=models, ports=wanted, forever=forever), colour=not no_color))
