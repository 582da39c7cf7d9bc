"""The rounds: every server is asked in turn, and in the next round again, so that a busy minute hits them all."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import servers
from harness.cases import Case
from harness.servers import LOAD_CORE, SERVER_CORE, Running

Sample = dict[str, float]
Rounds = dict[str, list[Sample]]
# A few looks of the service's own, and its allocator's second, after the last request.
IDLE_S = 12.0
_LOAD = Path(__file__).with_name("load.py")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; `mlserver` is its environment's Python, None leaves it out."""

    work: Path
    mlserver: Path | None
    rounds: int
    seconds: float
    starts: int
    mlserver_starts: int

    def log(self, name: str) -> Path:
        return self.work / f"{name}.log"


def throughput(plan: Plan, case: Case, connections: tuple[int, ...], tell: Callable[[str], None]) -> dict[str, Rounds]:
    """Return {"<connections>": {server: [sample per round]}} with raw among the servers."""
    feed = plan.work / f"{case.name}.npz"
    arrays: dict[str, Any] = {case.input: case.array}
    np.savez(feed, **arrays)
    results: dict[str, Rounds] = {}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(start) for start in _starts(plan, case)]
        requests = _write_requests(plan, case)
        for count in connections:
            rounds: Rounds = {name: [] for name in ("raw", *(server.name for server in running))}
            for number in range(plan.rounds):
                tell(f"{case.name}, {count} at a time: round {number + 1} of {plan.rounds}")
                rounds["raw"].append(_raw(case, feed, plan.seconds))
                # Who goes first changes, so that nobody always follows the same neighbour.
                for server in running[number % len(running) :] + running[: number % len(running)]:
                    rounds[server.name].append(_drive(plan, case, server, count, requests[server.name]))
            results[str(count)] = rounds
    return results


def memory(plan: Plan, case: Case, connections: int) -> dict[str, Sample]:
    """Return PSS and RSS after load of each server, alone: shared pages must not be halved by a neighbour's."""
    requests = _write_requests(plan, case)
    found = {}
    for start in _starts(plan, case):
        with start as server:
            _drive(plan, case, server, connections, requests[server.name])
            servers.scrape(server)
            found[server.name] = servers.memory_mb(server.pid)
    return found


def burst(plan: Plan, case: Case, connections: int) -> dict[str, Sample]:
    """Return RSS right after a load from many connections at once, and once the service has been idle for a while."""
    request = _write_requests(plan, case)["edge"]
    with servers.start_edge(case, plan.log("edge")) as server:
        _drive(plan, case, server, connections, request)
        peak = servers.memory_mb(server.pid)["rss_mb"]
        time.sleep(IDLE_S)
        return {"edge": {"peak_mb": peak, "later_mb": servers.memory_mb(server.pid)["rss_mb"]}}


def cold_start(plan: Plan, case: Case) -> dict[str, list[float]]:
    """Seconds from exec to ready, on all cores; the first start of each, which may write bytecode, is not counted."""
    with servers.start_edge(case, plan.log("edge"), None):
        pass
    times: dict[str, list[float]] = {"edge": []}
    for _ in range(plan.starts):
        with servers.start_edge(case, plan.log("edge"), None) as server:
            times["edge"].append(server.start_s)
    if plan.mlserver is not None:
        times["mlserver"] = []
        for _ in range(plan.mlserver_starts):
            with servers.start_mlserver(case, plan.mlserver, plan.work, plan.log("mlserver"), None) as server:
                times["mlserver"].append(server.start_s)
    return times


def _starts(plan: Plan, case: Case) -> list[contextlib.AbstractContextManager[Running]]:
    starts = [servers.start_edge(case, plan.log("edge")), servers.start_floor(case, plan.log("floor"))]
    if plan.mlserver is not None:
        starts.append(servers.start_mlserver(case, plan.mlserver, plan.work, plan.log("mlserver")))
    return starts


def _write_requests(plan: Plan, case: Case) -> Mapping[str, Path]:
    texts = {"edge": case.edge_request(), "floor": case.floor_request()[0], "mlserver": case.mlserver_request()}
    paths = {}
    for name, text in texts.items():
        paths[name] = plan.work / f"{case.name}-{name}.request"
        paths[name].write_bytes(text)
    return paths


def _drive(plan: Plan, case: Case, server: Running, connections: int, request: Path) -> Sample:
    answer = plan.work / "answer"
    command = [_LOAD, server.port, connections, plan.seconds, request, answer]
    sample = _measure(LOAD_CORE, command, plan.seconds)
    case.check(server.name, answer.read_bytes())
    return sample


def _raw(case: Case, feed: Path, seconds: float) -> Sample:
    return _measure(SERVER_CORE, [servers.YARDSTICK / "raw.py", case.model, feed, seconds], seconds)


def _measure(core: int, command: list[Any], seconds: float) -> Sample:
    with servers.on_core(core):
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=servers.clean_env(),
        )
    out, err = process.communicate(timeout=seconds + 60)
    if process.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed: {err.decode(errors='replace').strip()[-500:]}")
    sample: Sample = json.loads(out)
    return sample
