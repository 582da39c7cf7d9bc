"""make bench-camera: four cameras of 640x480 at 10 fps on one machine with belt-detector, beside a plain loop.

PYTHONPATH=benchmarks python -m camera.run [--seconds 20] [--warmup 3] [--rounds 3] [--cameras 4]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import urllib3

from camera.cameras import ROOT, cameras
from camera.report import page

MODEL = ROOT / "models/belt-detector"
HERE = Path(__file__).parent
# Above the cameras' own rate: every frame is asked about, as the plain loop does.
ASK_FPS = 30
# What the plain loop has nothing of; in a run of its own, beside the rounds.
EXTRAS = "mask = [[[0, 0], [0.2, 0], [0.2, 1], [0, 1]]]\nmotion = {enabled = true}\n"
# In the order in which a frame comes by.
STAGES = ("copy", "health", "mask", "motion", "encode", "wait", "answer")
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the camera path; see benchmarks/README.md.")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured of each run (default 20)")
    parser.add_argument("--warmup", type=float, default=3.0, help="seconds before, with all cameras up (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="of both, in turns (default 3)")
    parser.add_argument("--cameras", type=int, default=4, help="cameras at once (default 4)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results", help="folder for the result")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with inference() as url, cameras(options.cameras) as (sources, what):
        rounds = [one_round(options, url, sources, number) for number in range(options.rounds)]
        extras = edge(options, url, sources, EXTRAS)
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sources": what,
        "cameras": options.cameras,
        "seconds": options.seconds,
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "rounds": rounds,
        "mask_and_motion": extras,
    }
    target = options.out / f"{result['date']}-camera"
    target.with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    target.with_suffix(".md").write_text(page(result))
    print(page(result))


def one_round(options: argparse.Namespace, url: str, sources: list[str], number: int) -> dict[str, Figures]:
    """Measure both on the same cameras; who is first changes with each round."""
    order = [("plain", plain), ("edge-camera", edge)]
    return {name: measure(options, url, sources) for name, measure in order[:: 1 if number % 2 == 0 else -1]}


def plain(options: argparse.Namespace, url: str, sources: list[str]) -> Figures:
    command = [sys.executable, str(HERE / "plain.py"), str(options.warmup), str(options.seconds), url, MODEL.name]
    limit_s = options.warmup + options.seconds + 60
    done = subprocess.run([*command, *sources], capture_output=True, check=True, timeout=limit_s)
    found = json.loads(done.stdout)
    return figures(found["frames"], found["cpu_s"], found["ages_ms"])


def edge(options: argparse.Namespace, url: str, sources: list[str], extras: str = "") -> Figures:
    """edge-camera with its defaults: events, health of the picture and fair turns included; and its stages."""
    with tempfile.TemporaryDirectory() as folder, _edge(Path(folder), url, sources, extras) as (process, out):
        time.sleep(options.warmup)
        begun, (own, children) = time.monotonic(), cpu_s(process)
        time.sleep(options.seconds)
        ended, (own_then, children_then) = time.monotonic(), cpu_s(process)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        found = json.loads(out.read_text())
    ages: dict[str, list[float]] = {}
    for at, camera, age_ms in found["answers"]:
        if begun <= at < ended:
            ages.setdefault(camera, []).append(age_ms)
    frames = sum(map(len, ages.values()))
    total_s = own_then - own + children_then - children
    stages = _stages([lap for lap in found["stages"] if begun <= lap[1] < ended], frames)
    timed = sum(stage["cpu"] for stage in stages.values())
    decode, rest = ((spent * 1000) / max(frames, 1) for spent in (children_then - children, own_then - own))
    if children_then > 0:  # files have no children, and are decoded in the rest
        stages = {"decode": {"cpu": round(decode, 3), "wall": None}, **stages}
    stages["rest"] = {"cpu": round(rest - timed, 3), "wall": None}
    return {**figures(frames, total_s, list(ages.values())), "stages_ms": stages}


def _stages(laps: list[list[Any]], frames: int) -> dict[str, Figures]:
    sums: dict[str, list[float]] = {}
    for stage, _, cpu_ms, wall_ms in laps:
        total = sums.setdefault(stage, [0.0, 0.0])
        total[0] += cpu_ms
        total[1] += wall_ms
    each = {stage: [value / max(frames, 1) for value in total] for stage, total in sums.items()}
    return {
        stage: {"cpu": round(each[stage][0], 3), "wall": round(each[stage][1], 3)} for stage in STAGES if stage in each
    }


def figures(frames: int, cpu: float, ages_ms: list[list[float]]) -> Figures:
    """The ages are the slowest camera's: a fair mean would hide one that starves."""
    found = [np.percentile(ages, [50, 95, 99]) for ages in ages_ms if ages]
    slowest = np.max(found, axis=0) if found else np.full(3, np.nan)
    ages = {name: round(float(age), 1) for name, age in zip(("p50", "p95", "p99"), slowest, strict=True)}
    return {"frames": frames, "cpu_ms_per_frame": round(cpu * 1000 / max(frames, 1), 2), "age_ms": ages}


def cpu_s(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """CPU seconds of the process itself, and of its children, those included that have ended."""
    parent = psutil.Process(process.pid)
    own = parent.cpu_times()
    children = own.children_user + own.children_system
    for child in parent.children(recursive=True):
        times = child.cpu_times()
        children += times.user + times.system
    return own.user + own.system, children


@contextmanager
def _edge(folder: Path, url: str, sources: list[str], extras: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run it under the stopwatch (timed.py), and yield once every camera has been answered about."""
    config, out, port = folder / "cameras.toml", folder / "timed.json", _free_port()
    kind = "" if "://" in sources[0] else "loop = true\n"
    body = "".join(
        f'[[camera]]\nname = "cam-{number}"\nurl = "{source}"\nfps = {ASK_FPS}\n{kind}{extras}'
        for number, source in enumerate(sources)
    )
    head = f'[inference]\nurl = "{url}"\nmodel = "{MODEL.name}"\n'
    config.write_text(f"{head}{body}[sinks]\nstdout = true\n")
    command = [sys.executable, str(HERE / "timed.py"), str(config), str(port), str(out)]
    process = subprocess.Popen(command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _all_answered(port), "edge-camera does not get answers about every camera")
        yield process, out
    finally:
        process.kill()
        process.wait()


def _all_answered(port: int) -> bool:
    status = urllib3.request("GET", f"http://127.0.0.1:{port}/status", retries=False).json()
    return all(camera["totals"]["answered"] for camera in status["cameras"])


@contextmanager
def inference() -> Iterator[str]:
    """Run edge-inference with belt-detector; yield its address once it is ready."""
    port = _free_port()
    program = str(Path(sys.executable).with_name("edge-inference"))
    command = [program, str(MODEL), "--host", "127.0.0.1", "--port", str(port), "--metrics-port", "0"]
    process = subprocess.Popen(command, env=_environment(), stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(
            lambda: urllib3.request("GET", f"{url}/v2/health/ready", retries=False).status == 200,
            "edge-inference did not become ready; run `edge-inference --check models/belt-detector`",
        )
        yield url
    finally:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("EDGE_")}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _until(condition: Callable[[], bool], otherwise: str, deadline_s: float = 40.0) -> None:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        try:
            if condition():
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise SystemExit(otherwise)


if __name__ == "__main__":
    main()
