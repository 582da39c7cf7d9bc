"""make bench: the serving path against raw ONNX Runtime, a bare socket server and MLServer, in one run.

python benchmarks/run.py [--quick] [--no-mlserver]
"""

from __future__ import annotations

import argparse
import compileall
import datetime
import os
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from edge_common.bundle import read_bundle
from harness import environment, graphs, report, rounds, servers
from harness.cases import Case, make_case

HERE = Path(__file__).parent
ROOT = HERE.parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the serving path; see benchmarks/README.md.")
    parser.add_argument("--quick", action="store_true", help="shorter rounds, under a minute; the figures are rougher")
    parser.add_argument("--no-mlserver", action="store_true", help="leave that yardstick out")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("run.py: this process may use one core only; want one for the servers, one for the load")
    work = ROOT / ".bench" / "work"
    work.mkdir(parents=True, exist_ok=True)
    compileall.compile_dir(ROOT / "services", quiet=1)
    python = None
    if not arguments.no_mlserver:
        python = environment.mlserver_python(ROOT / ".bench" / "mlserver", HERE / "mlserver-requirements.in")
    quick = arguments.quick
    plan = rounds.Plan(work, python, 5, 0.25 if quick else 2.0, 5 if quick else 9, 1 if quick else 3)
    results = measure(plan)
    page = report.markdown(results)
    target = HERE / "results"
    target.mkdir(exist_ok=True)
    name = results["date"] + ("-quick" if quick else "")
    (target / f"{name}.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2) + b"\n")
    (target / f"{name}.md").write_text(page)
    print(page)


def measure(plan: rounds.Plan) -> dict[str, Any]:
    """Return everything measured, every round included."""
    begun, load = time.monotonic(), os.getloadavg()
    cnn_path = plan.work / "cnn.onnx"
    with servers.on_core(servers.SERVER_CORE):
        width, took = graphs.write_cnn(cnn_path)
    tabular, what = tabular_case(plan.work)
    cnn = make_case("cnn", cnn_path, graphs.session(cnn_path), serve=cnn_path, binary=True)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": report.machine(),
        "mlserver": environment.mlserver_versions(plan.mlserver) if plan.mlserver else None,
        "models": {"tabular": what, "cnn": f"{width} channels wide, {took:.2f} ms raw, {cnn.array.nbytes:,} bytes in"},
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "cold_start_s": rounds.cold_start(plan, tabular),
        "memory": {"tabular": rounds.memory(plan, tabular, 16), "cnn": rounds.memory(plan, cnn, 4)},
        "burst": rounds.burst(plan, cnn, 64),
        "tabular": rounds.throughput(plan, tabular, (16, 1), _tell),
        "cnn": rounds.throughput(plan, cnn, (1, 4), _tell),
        "load_average": {"before": f"{load[0]:.2f}", "after": f"{os.getloadavg()[0]:.2f}"},
        "took_s": round(time.monotonic() - begun, 1),
    }


def tabular_case(work: Path) -> tuple[Case, str]:
    """The repository's own tabular bundle when it is there, else a generated forest; and which."""
    bundle = ROOT / "models" / "pump-failure"
    if (bundle / "model.toml").is_file():
        model, serve, what = read_bundle(bundle).model_path, bundle, "models/pump-failure"
    else:
        model = serve = work / "tabular.onnx"
        graphs.write_tabular(model)
        what = f"generated forest of {graphs.TREES} trees, {graphs.FEATURES} features"
    return make_case("tabular", model, graphs.session(model), serve=serve, binary=False), what


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
