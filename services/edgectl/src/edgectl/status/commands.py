"""edgectl status | logs | events: their options. The work is imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

Release = Annotated[str, typer.Argument(metavar="RELEASE", help="Helm release.")]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace; that of the kubeconfig's context by default.")
]
Context = Annotated[str, typer.Option(help="Context of the kubeconfig; the present one by default.")]


def status(
    namespace: Namespace = "",
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every two seconds, until Ctrl-C.")] = False,
    over: Annotated[int, typer.Option(min=1, max=60, metavar="SECONDS", help="Time that rates are taken over.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch a line each time.")] = False,
    context: Context = "",
) -> None:
    """Show releases: version, readiness, rate, latency, use, last rollout and what decided it.

    Exit code 0 when all is healthy, 1 when something is not, 2 for bad input.
    With --watch, rates are over the last minute.

    Example: edgectl status -n edge --watch
    """
    from edgectl.status.show import Wanted, show

    healthy = show(Wanted(namespace, everywhere, watch, float(over), as_json, context))
    raise typer.Exit(0 if healthy else 1)


def logs(
    release: Release,
    namespace: Namespace = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C, also with the pods that take their places.")
    ] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the container before the last restart.")
    ] = False,
    guard: Annotated[bool, typer.Option("--guard", help="Of the guard's Jobs instead; a failed one stays.")] = False,
    tail: Annotated[int, typer.Option(min=0, help="Lines of each pod to begin with.")] = 200,
    context: Context = "",
) -> None:
    """Print the logs of a release's pods, each line with its pod's name when there are several.

    A pod without a log is told on stderr. Exit code 0 when any has one, 2 when none has, or for bad input.

    Example: edgectl logs belt-detector -n edge --previous --tail 50
    """
    from edgectl.status.logs import Wanted, print_logs

    any_log = print_logs(Wanted(release, namespace, context, follow, previous, guard, tail))
    raise typer.Exit(0 if any_log else 2)


def events(release: Release, namespace: Namespace = "", context: Context = "") -> None:
    """Show what Kubernetes says of a release's pods and Jobs, the newest last. Kubernetes keeps an hour.

    Example: edgectl events belt-detector -n edge
    """
    from edgectl.status.events import print_events

    print_events(release, namespace=namespace, context=context)
