"""The options of `edgectl rollout`, with what `--help` says of them."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

Release = Annotated[str, Argument(metavar="RELEASE", help="Helm release of the chart edge-inference.")]
Namespace = Annotated[
    str, Option("--namespace", "-n", help="Its namespace; that of the kubeconfig's context by default.")
]
Context = Annotated[str, Option(help="Context of the kubeconfig; the present one by default.")]
InCluster = Annotated[bool, Option("--in-cluster", help="Run in a pod: its service account, and pods asked directly.")]
For = Annotated[str, Option("--for", metavar="TIME", help="How long to watch: 10m, 90s, 1h30m.")]
BaselineFor = Annotated[
    str, Option("--for", metavar="TIME", help="How long to measure; 0s takes what was counted so far.")
]
Candidate = Annotated[bool, Option("--candidate", help="Watch the candidate, beside the stable version.")]
Rollback = Annotated[bool, Option("--rollback/--no-rollback", help="Run `helm rollback` when the version is bad.")]
To = Annotated[
    int | None,
    Option(
        "--to",
        min=1,
        metavar="REVISION",
        help="Where to roll back to; by default the baseline's, else the last good one.",
    ),
]
MinRequests = Annotated[int, Option(min=1, help="Fewer calls decide nothing.")]
MaxErrorRate = Annotated[float, Option(min=0, max=1, help="Share of calls by which errors may exceed those before.")]
MaxRatio = Annotated[float, Option("--max-p95-ratio", min=1, help="How many times slower it may be, p95 and mean.")]
MaxPsi = Annotated[float, Option(min=0, help="How far scores and classes may shift: population stability index.")]
IgnoreScores = Annotated[bool, Option("--ignore-scores", help="Let scores and classes shift: a retrained model may.")]
AcceptUndecided = Annotated[bool, Option("--accept-undecided", help="Exit code 0, not 3, when undecided.")]
IfAny = Annotated[
    bool, Option("--if-any", help="Exit code 0 when there is nothing to measure: a first install, a broken release.")
]
AsJson = Annotated[bool, Option("--json", help="Print JSON, for programs.")]
