"""Make pump-failure: generate windows, fit scaling and a random forest, convert, measure, write the bundle.

python models/pump-failure/recipe.py [--out DIR]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from rich.console import Console
from rich.progress import track
from rich.table import Table
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_common.manifest import Answer, Budget, Metric, Source
from edgectl.bundle.create import create_bundle
from edgectl.bundle.reference import reference_of
from edgectl.bundle.session import Model
from generator import FEATURES, Floats, windows

HERE = Path(__file__).parent
SEED = 11
TRAIN, TEST, PARITY = 12_000, 4_000, 1_000
TREES, DEPTH = 60, 8
LABELS = ["healthy", "failing"]
ANSWER = Answer(label="label", probabilities="probabilities")
TOOLS = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime")
LATENCY_RUNS = 2000


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the card states."""

    auc: float
    auc_onnx: float
    confusion: npt.NDArray[np.int64]
    wrong_labels: dict[str, int]
    worst_probability: float
    p50_us: float
    p95_us: float
    size: int


def fit() -> Pipeline:
    """Fit the forest tree group by tree group, so that a bar can show it."""
    features, labels = windows(TRAIN, SEED)
    forest = RandomForestClassifier(
        n_estimators=0, max_depth=DEPTH, min_samples_leaf=10, warm_start=True, random_state=SEED
    )
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    for trees in track(range(6, TREES + 1, 6), description="fitting trees"):
        forest.set_params(n_estimators=trees).fit(scaled, labels)
    return make_pipeline(scaler, forest)


def convert(pipeline: Pipeline, path: Path, double: bool) -> None:
    """Save the pipeline as ONNX with input `features` and outputs `label`, `probabilities`."""
    kind = DoubleTensorType if double else FloatTensorType
    proto = to_onnx(
        pipeline,
        initial_types=[("features", kind([None, len(FEATURES)]))],
        options={id(pipeline): {"zipmap": False}},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    domains = {entry.domain: entry.version for entry in proto.opset_import}
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(domain, number) for domain, number in domains.items())
    proto.ir_version = 10
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    _rename_outputs(proto.graph)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def _rename_outputs(graph: onnx.GraphProto) -> None:
    for output, name in zip(graph.output, ("label", "probabilities"), strict=True):
        for node in graph.node:
            node.input[:] = [name if item == output.name else item for item in node.input]
            node.output[:] = [name if item == output.name else item for item in node.output]
        output.name = name


def held_out() -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the windows that the figures are of, and the reference that drift is told against."""
    return windows(TEST, SEED + 1)


def measure(pipeline: Pipeline, path: Path, double_path: Path) -> Figures:
    features, labels = held_out()
    parity, _ = windows(PARITY, SEED + 2)
    wanted = pipeline.predict_proba(parity)
    wrong, worst = {}, 0.0
    for name, file, dtype in (("float32", path, np.float32), ("float64", double_path, np.float64)):
        got = Model(file).run({"features": parity.astype(dtype)})
        wrong[name] = int((got["label"] != wanted.argmax(1)).sum())
        if name == "float32":
            worst = float(abs(got["probabilities"] - wanted).max())
    served = Model(path)
    answers = served.run({"features": features.astype(np.float32)})
    row = {"features": features[:1].astype(np.float32)}
    times = []
    for _ in range(LATENCY_RUNS):
        started = time.perf_counter()
        served.run(row)
        times.append((time.perf_counter() - started) * 1e6)
    return Figures(
        float(roc_auc_score(labels, pipeline.predict_proba(features)[:, 1])),
        float(roc_auc_score(labels, answers["probabilities"][:, 1])),
        confusion_matrix(labels, answers["label"]),
        wrong,
        worst,
        float(np.quantile(times, 0.5)),
        float(np.quantile(times, 0.95)),
        path.stat().st_size,
    )


def rows(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("ROC AUC, scikit-learn", f"{figures.auc:.4f}"),
        ("ROC AUC, ONNX graph", f"{figures.auc_onnx:.4f}"),
        (f"labels that differ from scikit-learn, of {PARITY} (float32, served)", str(figures.wrong_labels["float32"])),
        (f"the same for a float64 graph, of {PARITY}", str(figures.wrong_labels["float64"])),
        ("largest probability difference (float32)", f"{figures.worst_probability:.1e}"),
        ("latency p50 / p95, one window, one thread", f"{figures.p50_us:.0f} / {figures.p95_us:.0f} us"),
        ("size", f"{figures.size / 1000:.0f} kB"),
    ]


def markdown(figures: Figures) -> str:
    facts = "\n".join(f"| {name} | {value} |" for name, value in rows(figures))
    features = "\n".join(f"| {n} | {u or '-'} | {m:g} | {s:g} | {c:+g} |" for n, u, m, s, c in FEATURES)
    (tn, fp), (fn, tp) = figures.confusion.tolist()
    return f"""# pump-failure

Says from one ten-second window of vibration and temperature whether a pump will stop within a day. Made by `recipe.py`,
which also wrote this card; every number below is from that run, on one x86-64 machine.

## In and out

`features`: FP32 [N, {len(FEATURES)}], in the order of the table below. `label` INT64 [N] (index into labels.txt),
`probabilities` FP32 [N, 2]. Scaling is inside the graph. `samples.json` holds five windows with their truth.

## Figures

| figure | measured |
|---|---|
{facts}

On {TEST:,} windows generated with another seed than the {TRAIN:,} of the training:

| truth \\ answer | healthy | failing |
|---|---|---|
| **healthy** | {tn} | {fp} |
| **failing** | {fn} | {tp} |

## Data

Generated (`generator.py`, seeded): a hidden wear moves each feature by its own amount, load moves several together, and
a window is called failing with a probability that grows with wear (a logistic curve around half wear).

| feature | unit | healthy mean | spread | change at full wear |
|---|---|---|---|---|
{features}

## Known limits

- Generated data: it has seen no real pump. Fit it on your own windows before you rely on it.
- One kind of pump at nearly constant speed; a start or a stop inside the window is outside its training.
- Overlap is part of the generator, so even a perfect model stays below an AUC of 1.
"""


def samples() -> list[dict[str, object]]:
    """Return five named windows with their truth, for the demo and the docs; `instance` is a row for /predict."""
    features, labels = windows(40, SEED + 3)
    chosen = [*np.flatnonzero(labels == 0)[:3], *np.flatnonzero(labels == 1)[:2]]
    return [
        {"name": f"pump-{i + 1}", "instance": [round(float(v), 3) for v in features[k]], "truth": LABELS[labels[k]]}
        for i, k in enumerate(chosen)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="where the bundle goes (default: this directory)")
    out = parser.parse_args().out
    pipeline = fit()
    with tempfile.TemporaryDirectory() as scratch:
        single, double = Path(scratch) / "single.onnx", Path(scratch) / "double.onnx"
        convert(pipeline, single, double=False)
        convert(pipeline, double, double=True)
        figures = measure(pipeline, single, double)
        golden = windows(8, SEED + 4)[0].astype(np.float32)
        create_bundle(
            single,
            out,
            name="pump-failure",
            version="1.0.0",
            task="tabular",
            description="Will this pump stop within a day?",
            inputs=[{"features": golden[:1]}, {"features": golden}],
            labels=LABELS,
            answer=ANSWER,
            reference=reference_of(Model(single), ANSWER, LABELS, [{"features": held_out()[0].astype(np.float32)}]),
            budget=Budget(p95_ms=20, cold_start_ms=10_000, memory_mb=200),
            source=Source(
                framework="scikit-learn",
                metric=Metric(name="ROC AUC", original=round(figures.auc, 4), converted=round(figures.auc_onnx, 4)),
                tools={name: installed(name) for name in TOOLS},
            ),
            extra={"README.md": markdown(figures)},
            force=True,
        )
    (out / "samples.json").write_text(json.dumps(samples(), indent=1) + "\n", encoding="utf-8")
    table = Table("figure", "measured", title="pump-failure")
    for row in rows(figures):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
