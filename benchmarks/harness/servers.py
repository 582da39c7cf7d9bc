"""Start, watch and end the servers under test, one core each, on loopback ports that are free."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.cases import Case

SERVER_CORE, LOAD_CORE = 0, 1
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 15.0
_OWN_FILES = ("/site-packages/", "/libpython", "/lib-dynload/", "/bin/python")
YARDSTICK = Path(__file__).parents[1] / "yardstick"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers on `port`; `start_s` from exec to its first 200 on the ready path."""

    name: str
    pid: int
    port: int
    metrics_port: int | None
    start_s: float


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Processes started inside inherit the one core; None leaves them all."""
    before = os.sched_getaffinity(0)
    if core is not None and core in before:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def clean_env(**more: str) -> dict[str, str]:
    """The caller's environment without what would change a service; bytecode may be written, as in an image."""
    dropped = ("EDGE_", "PYTHONDONTWRITEBYTECODE", "MLSERVER_", "PYTHONPATH")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)} | more


def start_edge(case: Case, log: Path, core: int | None = SERVER_CORE) -> contextlib.AbstractContextManager[Running]:
    port, metrics_port = free_port(), free_port()
    command = [str(Path(sys.executable).with_name("edge-inference")), str(case.serve), "--host", "127.0.0.1"]
    # The budget is for the machine a bundle is deployed to; golden samples are still held.
    command += ["--port", str(port), "--metrics-port", str(metrics_port), "--budget", "false"]
    return _started("edge", command, port, "/v2/health/ready", log, core, clean_env(), metrics_port)


def start_floor(case: Case, log: Path) -> contextlib.AbstractContextManager[Running]:
    port = free_port()
    request, offset = case.floor_request()
    form = "binary" if case.binary else "json"
    script = str(YARDSTICK / "floor.py")
    command = [sys.executable, script, str(port), str(case.model), form, str(len(request)), str(offset)]
    return _started("floor", command, port, None, log, SERVER_CORE, clean_env())


def start_mlserver(
    case: Case, python: Path, work: Path, log: Path, core: int | None = SERVER_CORE
) -> contextlib.AbstractContextManager[Running]:
    """MLServer at its best: no worker processes, no debug, no access log, uvloop."""
    port = free_port()
    folder = work / f"mlserver-{case.name}"
    folder.mkdir(parents=True, exist_ok=True)
    metrics_port = free_port()
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": metrics_port}
    (folder / "settings.json").write_text(json.dumps(settings | {"parallel_workers": 0, "debug": False}))
    model = {"name": case.name, "implementation": "onnx_model.OnnxModel", "parameters": {"uri": str(case.model)}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(python.with_name("mlserver")), "start", str(folder)]
    env = clean_env(PYTHONPATH=str(YARDSTICK))
    return _started("mlserver", command, port, "/v2/health/ready", log, core, env, metrics_port)


@contextlib.contextmanager
def _started(
    name: str,
    command: Sequence[str],
    port: int,
    ready: str | None,
    log: Path,
    core: int | None,
    env: dict[str, str],
    metrics_port: int | None = None,
) -> Iterator[Running]:
    with log.open("ab") as output, on_core(core):
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=output, env=env, start_new_session=True)
    try:
        while not _answers(port, ready):
            if process.poll() is not None or time.perf_counter() - begun > _START_LIMIT_S:
                raise SystemExit(f"{name} did not start (exit code {process.poll()}); its last words are in {log}")
            time.sleep(0.001)
        yield Running(name, process.pid, port, metrics_port, time.perf_counter() - begun)
    finally:
        _end(process)


def scrape(server: Running) -> None:
    """Read the metrics once, as a Prometheus would: what that loads belongs to the service's memory."""
    if server.metrics_port is not None and not _answers(server.metrics_port, "/metrics"):
        raise SystemExit(f"{server.name}: /metrics does not answer")


def _answers(port: int, path: str | None) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            if path is None:
                return True
            probe.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            return probe.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOP_LIMIT_S)


def memory_mb(pid: int) -> dict[str, float]:
    """Memory in MB of a process and all below it: {"alone_mb", "pss_mb", "rss_mb"}.

    `alone_mb` is the PSS as it would be if nothing else ran Python.

    The kernel splits a page among all who map it, and the benchmark itself maps the same libraries. In a container
    nobody does, so pages of the interpreter's and the environment's own files are counted whole.
    """
    root = psutil.Process(pid)
    whole = pss = rss = 0.0
    for process in (root, *root.children(recursive=True)):
        own = False
        for line in Path(f"/proc/{process.pid}/smaps").read_text().splitlines():
            key, _, value = line.partition(" ")
            if not key.endswith(":"):
                own = any(folder in line for folder in _OWN_FILES)
            elif key == "Rss:":
                rss += int(value.split()[0]) / 1024
                whole += int(value.split()[0]) / 1024 if own else 0
            elif key == "Pss:":
                pss += int(value.split()[0]) / 1024
                whole += 0 if own else int(value.split()[0]) / 1024
    return {"alone_mb": whole, "pss_mb": pss, "rss_mb": rss}
