"""The results as JSON and as a Markdown page."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from harness.aims import Aim, Sample, aims

_PACKAGES = ("onnxruntime", "numpy", "granian", "flask", "orjson")


def machine() -> dict[str, Any]:
    """Facts a reader needs to place the figures."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the page: aims, rates, starts, memory."""
    facts = results["machine"]
    load = results["load_average"]
    lines = [
        f"# Benchmark of {results['date']}",
        "",
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB, Linux {facts['kernel']}, "
        f"Python {facts['python']}, " + ", ".join(f"{k} {v}" for k, v in facts["versions"].items()) + ".",
        f"MLServer: {results['mlserver'] or 'not measured'}.",
        f"Load average {load['before']} before and {load['after']} after (the benchmark itself makes about 1).",
        f"Tabular model: {results['models']['tabular']}. CNN: {results['models']['cnn']}.",
        f"Medians of {results['rounds']} rounds of {results['seconds']:g} s; ratios are taken within a round.",
        "",
        "| Aim | wanted | found | |",
        "|---|---:|---:|---|",
        *map(_aim_row, aims(results)),
        "",
    ]
    for case in ("tabular", "cnn"):
        for connections, rounds in results[case].items():
            lines += [f"## {case}, {connections} connection{'s' * (connections != '1')}", "", *_rates(rounds), ""]
    return "\n".join([*lines, *_starts(results), ""])


def _aim_row(aim: Aim) -> str:
    sign = "≥" if aim.at_least else "≤"
    word = {True: "met", False: "not met", None: "not measured"}[aim.met]
    found = "" if aim.found is None else f"{aim.found:.3g}{aim.unit}"
    return f"| {aim.text} | {sign} {aim.wanted:.3g}{aim.unit} | {found} | {word} |"


def _rates(rounds: Mapping[str, list[Sample]]) -> list[str]:
    rows = ["| | requests/s | of raw | p50 ms | p99 ms | p50 over raw ms |", "|---|---:|---:|---:|---:|---:|"]
    raw = rounds["raw"]
    for name, samples in rounds.items():
        pairs = list(zip(samples, raw, strict=True))
        share = median(sample["rps"] / base["rps"] for sample, base in pairs)
        extra = median(sample["p50_us"] - base["p50_us"] for sample, base in pairs)
        rps, p50, p99 = (median(sample[key] for sample in samples) for key in ("rps", "p50_us", "p99_us"))
        over = "" if name == "raw" else f"{extra / 1000:.3f}"
        rows.append(f"| {name} | {rps:,.0f} | {share:.3f} | {p50 / 1000:.3f} | {p99 / 1000:.3f} | {over} |")
    return rows


def _starts(results: Mapping[str, Any]) -> list[str]:
    rows = [
        "## Start and memory",
        "",
        "| | cold start s | MB alone (PSS, RSS) tabular | MB alone (PSS, RSS) CNN | RSS MB after a burst, 12 s later |",
    ]
    rows.append("|---|---:|---:|---:|---:|")
    for name in results["memory"]["tabular"]:
        starts = results["cold_start_s"].get(name)
        cells = [f"{median(starts):.3f}" if starts else ""]
        for case in ("tabular", "cnn"):
            used = results["memory"][case][name]
            cells.append(f"{used['alone_mb']:.1f} ({used['pss_mb']:.1f}, {used['rss_mb']:.1f})")
        burst = results["burst"].get(name)
        cells.append(f"{burst['peak_mb']:.0f}, {burst['later_mb']:.0f}" if burst else "")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows
