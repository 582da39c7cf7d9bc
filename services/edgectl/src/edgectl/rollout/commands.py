"""edgectl rollout watch | baseline."""

from __future__ import annotations

import sys

import typer

from edgectl.rollout import options

# msgspec, rich and the Kubernetes client are imported in the commands: `--help` and completion must not wait for them.

BAD, UNDECIDED, STILL_BAD, STOPPED = 1, 3, 4, 130

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Watch a new version, and roll it back when it is bad."
)


@app.command(
    epilog="Examples:\n\n"
    "edgectl rollout watch belt-detector -n edge --for 10m\n\n"
    "edgectl rollout watch belt-detector -n edge --candidate --no-rollback --json | jq .outcome"
)
def watch(
    release: options.Release,
    length: options.For = "10m",
    namespace: options.Namespace = "",
    candidate: options.Candidate = False,
    rollback: options.Rollback = True,
    to: options.To = None,
    min_requests: options.MinRequests = 300,
    max_error_rate: options.MaxErrorRate = 0.01,
    max_p95_ratio: options.MaxRatio = 1.25,
    max_psi: options.MaxPsi = 0.25,
    ignore_scores: options.IgnoreScores = False,
    accept_undecided: options.AcceptUndecided = False,
    as_json: options.AsJson = False,
    context: options.Context = "",
    in_cluster: options.InCluster = False,
) -> None:
    """Hold the newest version against the one before, from the services' own metrics.

    Exit code 0: good. 1: bad; it was rolled back, or would be with --rollback. 2: bad input, nothing changed.
    3: undecided, such as too little traffic. 4: bad, and the rollback failed. In a pod (--in-cluster) it never rolls
    back: a Helm hook fails, and Helm does.
    """
    from edgectl.rollout.bounds import Bounds
    from edgectl.rollout.run import End, Wanted, run_watch
    from edgectl.rollout.seconds import seconds_of

    wanted = Wanted(
        release=release,
        namespace=namespace,
        context=context,
        in_cluster=in_cluster,
        candidate=candidate,
        seconds=seconds_of("--for", length, 10),
        # A candidate is off the main path: turning it off is one value, not a rollback of all others.
        rollback=rollback and not in_cluster and not candidate,
        to=to,
        bounds=Bounds(min_requests, max_error_rate, max_p95_ratio, None if ignore_scores else max_psi),
        as_json=as_json,
    )
    undecided = 0 if accept_undecided else UNDECIDED
    codes = {End.GOOD: 0, End.BAD: BAD, End.UNDECIDED: undecided, End.STILL_BAD: STILL_BAD}
    try:
        raise typer.Exit(codes[run_watch(wanted)])
    except KeyboardInterrupt:
        # typer says 1, which here means a bad version.
        print("edgectl: stopped: nothing was changed", file=sys.stderr)
        raise typer.Exit(STOPPED) from None


@app.command(epilog="Example: edgectl rollout baseline belt-detector -n edge && helm upgrade belt-detector ...")
def baseline(
    release: options.Release,
    length: options.BaselineFor = "1m",
    namespace: options.Namespace = "",
    if_any: options.IfAny = False,
    context: options.Context = "",
    in_cluster: options.InCluster = False,
) -> None:
    """Record how the present version does, in the ConfigMap RELEASE-rollout-baseline, before an upgrade."""
    from edgectl.rollout.run import run_baseline
    from edgectl.rollout.seconds import seconds_of

    run_baseline(
        release,
        namespace=namespace,
        context=context,
        in_cluster=in_cluster,
        seconds=seconds_of("--for", length, 0),
        if_any=if_any,
    )
