"""Models: rate, errors, duration, saturation; what a rollout changed; drift."""

from __future__ import annotations

from boards.panel import FULL, HALF, THIRD, Annotation, Board, Panel, Query, Row, Variable

_OF = 'release=~"$release"'
_REQUESTS = "edge_inference_requests_total"
_CALL = "edge_inference_request_duration_seconds_bucket"
_READY = {0: ("not ready", "red"), 1: ("ready", "green")}
_TRACK = "{{release}} {{version}} ({{track}})"


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_OF}{more}}}[$__rate_interval]))"


def _share(top: str, by: str) -> str:
    """A ratio that has no value, instead of NaN, while nothing is asked."""
    return f"{top} / ({_rate(_REQUESTS, by)} > 0)"


def _quantile(quantile: float, metric: str, by: str, more: str = "") -> str:
    return f"histogram_quantile({quantile}, {_rate(metric, f'{by}, le', more)})"


_TRAFFIC = Row(
    "Traffic",
    (
        Panel(
            title="Calls",
            tells="Calls of infer and /predict a second, by what became of them.",
            unit="reqps",
            stack=True,
            queries=(Query(_rate(_REQUESTS, "release, outcome"), "{{release}} {{outcome}}"),),
        ),
        Panel(
            title="Share not answered",
            tells="Calls that ended as anything but ok, by version. Only `invalid` is the client's fault.",
            unit="percentunit",
            queries=(
                Query(
                    _rate(_REQUESTS, "release, version, outcome", ', outcome!="ok"')
                    + f" / on (release, version) group_left () ({_rate(_REQUESTS, 'release, version')} > 0)",
                    "{{release}} {{version}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            title="Duration of a call",
            tells="The whole call inside the service, every outcome, and the p95 budget of the bundle beside it.",
            unit="s",
            queries=(
                Query(_quantile(0.5, _CALL, "release, version"), "p50 {{release}} {{version}}"),
                Query(_quantile(0.95, _CALL, "release, version"), "p95 {{release}} {{version}}"),
                Query(_quantile(0.99, _CALL, "release, version"), "p99 {{release}} {{version}}"),
                Query(
                    f"max by (release, version) (edge_inference_budget_seconds{{{_OF}}} > 0)",
                    "budget {{release}} {{version}}",
                ),
            ),
        ),
        Panel(
            title="Durations, all of them",
            tells="How many calls took how long: two humps are two kinds of calls, which a percentile hides.",
            unit="s",
            kind="heatmap",
            queries=(Query(f"sum by (le) (increase({_CALL}{{{_OF}}}[$__rate_interval]))", "{{le}}"),),
        ),
    ),
)

_SATURATION = Row(
    "Saturation",
    (
        Panel(
            title="Stages, p95",
            tells="Where the time goes: body read and parsed, wait for a slot, the model, the answer written.",
            unit="s",
            width=THIRD,
            queries=(
                Query(
                    _quantile(0.95, "edge_inference_stage_duration_seconds_bucket", "release, stage"),
                    "{{release}} {{stage}}",
                ),
            ),
        ),
        Panel(
            title="Running and waiting",
            tells="Inferences running and requests waiting for a slot. A queue that stays is too little CPU.",
            unit="short",
            width=THIRD,
            queries=(
                Query(
                    f"sum by (release, track) (edge_inference_in_flight{{{_OF}}})", "running {{release}} ({{track}})"
                ),
                Query(
                    f"sum by (release, track) (edge_inference_queue_length{{{_OF}}})", "waiting {{release}} ({{track}})"
                ),
            ),
        ),
        Panel(
            title="CPU in use against the limit",
            tells="CPU seconds a second of the process over what its cgroup allows. 1 is all of it.",
            unit="percentunit",
            width=THIRD,
            queries=(
                Query(
                    f"sum by (release, pod) (rate(process_cpu_seconds_total{{{_OF}}}[$__rate_interval]))"
                    f" / sum by (release, pod) (edge_inference_cpu_limit_cores{{{_OF}}})",
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            title="Memory against the limit",
            tells="Resident memory over the cgroup's limit; at 1 the kernel kills the process.",
            unit="percentunit",
            width=THIRD,
            queries=(
                Query(
                    f"sum by (release, pod) (process_resident_memory_bytes{{{_OF}}})"
                    f" / (sum by (release, pod) (edge_inference_memory_limit_bytes{{{_OF}}}) > 0)",
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            title="Calls over the budget",
            tells="Share of answered calls slower than the bundle's p95 budget, which allows 5 %.",
            unit="percentunit",
            width=THIRD,
            queries=(
                Query(
                    _share(_rate("edge_inference_over_budget_total", "release, version"), "release, version"),
                    "{{release}} {{version}}",
                ),
            ),
        ),
        Panel(
            title="Body bytes",
            tells="What clients send and what they are answered, a second.",
            unit="Bps",
            width=THIRD,
            queries=(Query(_rate("edge_inference_bytes_total", "release, direction"), "{{release}} {{direction}}"),),
        ),
    ),
)

_VERSIONS = Row(
    "Versions",
    (
        Panel(
            title="Ready",
            tells="Whether /v2/health/ready says 200. In a rollout one bar ends where another begins.",
            unit="none",
            kind="states",
            states=_READY,
            queries=(Query(f"max by (release, version, track) (edge_inference_ready{{{_OF}}})", _TRACK),),
        ),
        Panel(
            title="Self-check",
            tells="Time that warm-up, golden samples and budget took at the last start; a failure counts as 1.",
            unit="s",
            queries=(
                Query(f"max by (release, version, track) (edge_inference_selfcheck_seconds{{{_OF}}})", _TRACK),
                Query(
                    f"max by (release, version, track) (edge_inference_selfcheck_failures_total{{{_OF}}})",
                    "failed " + _TRACK,
                ),
            ),
        ),
        Panel(
            title="Before and after: the versions of the time shown",
            tells="Each version over the whole time shown; the share over budget is of all calls.",
            unit="short",
            kind="table",
            width=FULL,
            queries=(
                Query(f"sum by (release, version) (increase({_REQUESTS}{{{_OF}}}[$__range]))", "calls", instant=True),
                Query(
                    f'sum by (release, version) (increase({_REQUESTS}{{{_OF}, outcome!="ok"}}[$__range]))'
                    f" / (sum by (release, version) (increase({_REQUESTS}{{{_OF}}}[$__range])) > 0)",
                    "not answered",
                    instant=True,
                ),
                Query(
                    f"histogram_quantile(0.95, sum by (release, version, le) (increase({_CALL}{{{_OF}}}[$__range])))",
                    "p95",
                    instant=True,
                ),
                Query(
                    f"sum by (release, version) (increase(edge_inference_over_budget_total{{{_OF}}}[$__range]))"
                    f" / (sum by (release, version) (increase({_REQUESTS}{{{_OF}}}[$__range])) > 0)",
                    "over budget",
                    instant=True,
                ),
            ),
            columns={
                "calls": ("short", "A"),
                "not answered": ("percentunit", "B"),
                "p95": ("s", "C"),
                "over budget": ("percentunit", "D"),
            },
        ),
    ),
)

_DRIFT = Row(
    "Drift",
    (
        Panel(
            title="Population stability index",
            tells="How far recent predictions are from the bundle's reference. Under 0.1 is alike, over 0.25 is not.",
            unit="short",
            width=THIRD,
            queries=(
                Query(
                    f"max by (release, version, of) (edge_inference_drift_psi{{{_OF}}})",
                    "{{release}} {{version}} {{of}}",
                ),
            ),
        ),
        Panel(
            title="Class shares against the reference",
            tells="Share of each class in recent predictions less its share in the reference; 0 is as when trained.",
            unit="percentunit",
            width=THIRD,
            queries=(
                Query(
                    f"max by (release, class) (edge_inference_class_share{{{_OF}}})"
                    f" - max by (release, class) (edge_inference_class_share_reference{{{_OF}}})",
                    "{{release}} {{class}}",
                ),
            ),
        ),
        Panel(
            title="Scores",
            tells="How many predictions had which score.",
            unit="short",
            kind="heatmap",
            width=THIRD,
            queries=(
                Query(f"sum by (le) (increase(edge_inference_score_bucket{{{_OF}}}[$__rate_interval]))", "{{le}}"),
            ),
        ),
        Panel(
            title="Predictions by class",
            tells="Predictions a second by class of labels.txt.",
            unit="cps",
            stack=True,
            queries=(Query(_rate("edge_inference_class_total", "release, class"), "{{release}} {{class}}"),),
        ),
        Panel(
            title="Predictions the drift rests on",
            tells="Weight of recent predictions in the sketch. Few of them make the index noise.",
            unit="short",
            width=HALF,
            queries=(
                Query(
                    f"max by (release, version) (edge_inference_drift_predictions{{{_OF}}})", "{{release}} {{version}}"
                ),
            ),
        ),
    ),
)

MODELS = Board(
    uid="edge-models",
    title="edge-serve: models",
    tells="Is it asked and answered, does it keep up, what did a rollout change, does it see what it was trained on.",
    variables=(Variable(name="release", label="release", metric="edge_inference_model_info"),),
    annotations=(
        Annotation(
            name="New version",
            expr=(
                f"max by (release, version) (edge_inference_model_info{{{_OF}}})"
                f" unless max by (release, version) (edge_inference_model_info{{{_OF}}} offset 1m)"
            ),
            text="{{release}} {{version}}",
            colour="blue",
        ),
    ),
    rows=(_TRAFFIC, _SATURATION, _VERSIONS, _DRIFT),
)
