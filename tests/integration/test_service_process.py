"""The inference process as a gateway sees it: start, failures, load, stop."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnx_models
from edge_common.bundle import read_bundle, sha256_of
from edge_common.golden import save_golden
from edge_inference.ask import AskFailed, ask
from live import EXECUTABLE, Service, clean_env, until

ASK = json.dumps({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}).encode()
INFER = "/v2/models/doubler/infer"


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    return onnx_models.doubler(tmp_path / "doubler.onnx")


def bundle(folder: Path, *, wanted: float = 2.0, extra: str = "") -> Path:
    """A bundle of the doubler whose one golden sample wants `wanted` for 1."""
    folder.mkdir()
    model = onnx_models.doubler(folder / "model.onnx")
    ones = np.ones((1, 2), np.float32)
    save_golden(folder / "000.npz", {"x": ones}, {"y": ones * np.float32(wanted)})
    (folder / "model.toml").write_text(
        f'schema = 1\nname = "doubler"\nversion = "1.2.0"\ntask = "tensor"\n[file]\npath = "model.onnx"\n'
        f'sha256 = "{sha256_of(model)}"\n[golden]\nfiles = ["000.npz"]\n{extra}'
    )
    return folder


@contextmanager
def running(model: Path, log: Path) -> Iterator[Service]:
    service = Service(model, log)
    try:
        yield service
    finally:
        service.stop()


def run(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EXECUTABLE, *arguments], capture_output=True, text=True, timeout=30, env=clean_env(**env), check=False
    )


class Client(threading.Thread):
    """A closed loop on one kept-alive connection until the server closes it; `cut` are answers that broke off."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.statuses: list[int] = []
        self.cut: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while True:
            try:
                connection.request("POST", INFER, ASK)
                reply = connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                break  # closed between two requests: nothing of this one was accepted
            try:
                body = reply.read()
                if reply.status == 200:
                    assert json.loads(body)["outputs"][0]["data"] == [2.0, 4.0]
                self.statuses.append(reply.status)
            except (http.client.HTTPException, ConnectionError, ValueError) as exc:
                self.cut.append(repr(exc))
                break
            if reply.status == 503:
                break
        connection.close()


def at_work(port: int, count: int) -> list[Client]:
    """Return clients of which each has had some answers."""
    clients = [Client(port) for _ in range(count)]
    for client in clients:
        client.start()
    until(lambda: all(len(client.statuses) > 10 for client in clients), f"{count} clients at work")
    return clients


def ended(clients: list[Client]) -> None:
    for client in clients:
        client.join(20)


@pytest.mark.load
def test_sigterm_under_load_cuts_no_accepted_request(doubler: Path, tmp_path: Path) -> None:
    service = Service(doubler, tmp_path / "log")
    clients = at_work(service.port, 16)
    assert service.stop() == 0
    ended(clients)
    assert [client.cut for client in clients] == [[]] * 16
    assert {status for client in clients for status in client.statuses} <= {200, 503}


@pytest.mark.load
def test_64_closed_loop_clients_of_a_small_model_see_no_429(doubler: Path, tmp_path: Path) -> None:
    service = Service(doubler, tmp_path / "log")
    clients = at_work(service.port, 64)
    assert service.stop() == 0
    ended(clients)
    assert 429 not in {status for client in clients for status in client.statuses}


@pytest.mark.load
def test_sigterm_answers_all_that_was_accepted(tmp_path: Path) -> None:
    """One runs, seven wait for its slot, one more is a picture-less /predict; every one of them gets its answer."""
    model = onnx_models.slow(tmp_path / "slow.onnx")
    service = Service(model, tmp_path / "log", "--max-in-flight", "1", "--queue-wait-ms", "60000")
    spec = service.get("/v2/models/slow")[1]["inputs"][0]
    ask = json.dumps({"inputs": [spec | {"shape": [1], "data": [500]}]}).encode()
    calls = [("/v2/models/slow/infer", ask)] * 7 + [("/predict", b'{"instances": [500]}')]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(service.request, "POST", path, body) for path, body in calls]
        until(lambda: waiting(service) == 7, "one runs and seven wait")
        service.process.send_signal(signal.SIGTERM)
        assert [answer.result(60)[0] for answer in answers] == [200] * 8
    assert service.process.wait(20) == 0


def waiting(service: Service) -> int:
    lines = service.metrics().splitlines()
    return int(next(float(line.split()[-1]) for line in lines if line.startswith("edge_inference_queue_length{")))


def test_a_stop_serves_on_for_its_delay_and_a_second_signal_ends_at_once(doubler: Path, tmp_path: Path) -> None:
    service = Service(doubler, tmp_path / "log", "--shutdown-delay-ms", "60000")
    service.process.send_signal(signal.SIGTERM)
    until(lambda: service.get("/v2/health/ready")[0] == 503, "not ready")
    status, headers, _ = service.request("POST", INFER, ASK)
    assert (status, headers["connection"]) == (200, "close"), "a kept-alive client has to find another pod"
    assert service.stop(signal.SIGINT) == 128 + signal.SIGINT


@pytest.mark.load
def test_kill_9_under_load_leaves_nothing_that_hinders_the_next_start(doubler: Path, tmp_path: Path) -> None:
    first = Service(doubler, tmp_path / "log")
    clients = at_work(first.port, 16)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    ended(clients)
    second = Service(doubler, tmp_path / "log2", "--port", str(first.port))
    assert second.port == first.port
    assert second.stop() == 0


def test_two_models_side_by_side(doubler: Path, tmp_path: Path) -> None:
    one = Service(doubler, tmp_path / "log1")
    two = Service(bundle(tmp_path / "b"), tmp_path / "log2")
    assert one.get("/v2/models/doubler")[1]["versions"] == ["1"]
    assert two.get("/v2/models/doubler")[1]["versions"] == ["1.2.0"]
    assert [one.stop(), two.stop()] == [0, 0]


def test_a_failed_golden_sample_stays_unready_and_ends_with_3(tmp_path: Path) -> None:
    broken = bundle(tmp_path / "b", wanted=3.0)
    service = Service(broken, tmp_path / "log", "--failed-grace-ms", "1500", wait=False)
    status, answer = until(lambda: failed_answer(service), "the reason at /v2/health/ready")
    assert status == 503
    assert "want 3" in answer["error"] and "got 2" in answer["error"]
    assert service.get("/v2/health/live") == (200, {"live": True})
    assert 'edge_inference_selfcheck_failures_total{model="doubler",version="1.2.0"} 1.0' in service.metrics()
    assert service.request("POST", INFER, ASK)[0] == 503
    assert service.process.wait(20) == 3


def failed_answer(service: Service) -> Any:
    answer = service.get("/v2/health/ready")
    return answer if "golden" in answer[1].get("error", "") else None


def test_check_prints_one_line(tmp_path: Path) -> None:
    good = run("--check", bundle(tmp_path / "good"))
    assert (good.returncode, good.stdout.count("\n")) == (0, 1)
    assert "1 golden samples" in good.stdout
    bad = run("--check", bundle(tmp_path / "bad", wanted=3.0))
    assert (bad.returncode, bad.stdout.count("\n")) == (3, 1)
    assert "golden 000: output 'y'" in bad.stdout


def test_ask_compares_a_running_service_with_the_bundle(tmp_path: Path) -> None:
    good, other = bundle(tmp_path / "good"), bundle(tmp_path / "other", wanted=3.0)
    newer = bundle(tmp_path / "newer")
    manifest = newer / "model.toml"
    manifest.write_text(manifest.read_text().replace("1.2.0", "1.3.0"))
    with running(good, tmp_path / "log") as service:
        url = f"http://127.0.0.1:{service.port}"
        done = run("--ask", url, good)
        assert (done.returncode, done.stdout) == (0, f"doubler 1.2.0: ok: 1 golden samples answered by {url}\n")
        for asked, words in ((other, "want 3, got 2"), (newer, "want an answer of version 1.3.0, got '1.2.0'")):
            done = run("--ask", url, asked)
            assert (done.returncode, done.stdout.count("\n")) == (3, 1) and words in done.stdout, done.stdout
        done = run("--ask", f"http://127.0.0.1:{service.metrics_port}", good)
        assert done.returncode == 3 and "want 200, got 404" in done.stdout
    with pytest.raises(AskFailed, match="Connection refused"):
        ask(url, read_bundle(good), connect_s=0)
    for wrong in ("nonsense", "ftp://a", "http://a:99999", "http://a:b", "http://[::1", "http://a/v2"):
        done = run("--ask", wrong, good)
        assert done.returncode == 2 and "want http://HOST:PORT" in done.stderr


@pytest.mark.parametrize("model", ["belt-detector", "pump-failure"])
def test_ask_with_the_sample_models(model: str, tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "models" / model
    with running(path, tmp_path / "log") as service:
        done = run("--ask", f"http://127.0.0.1:{service.port}", path)
    assert done.returncode == 0 and "golden samples answered" in done.stdout, done.stdout


def test_only_the_expected_model_starts(tmp_path: Path) -> None:
    good = bundle(tmp_path / "good")
    digest = sha256_of(good / "model.onnx")
    assert run("--check", good, EDGE_EXPECT_NAME="doubler", EDGE_EXPECT_SHA256=digest).returncode == 0
    assert run("--check", good / "model.onnx", EDGE_EXPECT_SHA256=digest).returncode == 0
    for key, value in (("NAME", "other"), ("VERSION", "1.2.1"), ("SHA256", "0" * 64)):
        done = run("--check", good, **{f"EDGE_EXPECT_{key}": value})
        assert done.returncode == 2 and f"expect_{key.lower()}: want {value}, found" in done.stderr, done.stderr


def test_an_exceeded_budget_fails_unless_it_is_not_enforced(tmp_path: Path) -> None:
    budget = "[budget]\nmemory_mb = 1\n"
    refused = run("--check", bundle(tmp_path / "a", extra=budget))
    assert refused.returncode == 3 and "budget.memory_mb: want at most 1" in refused.stdout
    assert run("--check", bundle(tmp_path / "b", extra=budget + "enforce = false\n")).returncode == 0
    assert run("--check", tmp_path / "a", "--budget", "false").returncode == 0


def test_the_optimised_graph_is_kept_used_and_made_anew(doubler: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for _ in range(2):
        assert run("--check", doubler, "--cache-dir", cache).returncode == 0
    (entry,) = cache.glob("*.onnx")
    entry.write_bytes(b"damaged")
    damaged = run("--check", doubler, "--cache-dir", cache)
    assert damaged.returncode == 0 and "damaged" in damaged.stderr
    assert entry.read_bytes() != b"damaged"
    (tmp_path / "file").write_text("")
    assert run("--check", doubler, "--cache-dir", tmp_path / "file").returncode == 0


def test_a_budget_of_memory_is_in_megabytes(tmp_path: Path) -> None:
    """Of 10^6 bytes, as edgectl measures them."""
    with running(bundle(tmp_path / "a", extra="[budget]\nmemory_mb = 1500\n"), tmp_path / "log") as service:
        line = next(x for x in service.metrics().splitlines() if x.startswith("edge_inference_memory_budget_bytes{"))
        assert float(line.split()[-1]) == 1.5e9


def test_the_cold_start_budget_counts_to_the_end_of_the_check(tmp_path: Path) -> None:
    done = run("--check", bundle(tmp_path / "b", extra="[budget]\ncold_start_ms = 1\n"))
    assert done.returncode == 3
    found = float(done.stdout.split("got ")[1].split()[0])
    assert found > 50, "ONNX Runtime alone takes longer to load"


def test_version_and_closed_output() -> None:
    assert run("--version").stdout.startswith("edge-inference 0.")
    for redirect in (">&-", ">/dev/full"):
        done = subprocess.run(["sh", "-c", f'"{EXECUTABLE}" --threads x {redirect}'], timeout=30, check=False)
        assert done.returncode == 2


def test_the_metrics_port_answers_only_for_metrics(doubler: Path, tmp_path: Path) -> None:
    service = Service(doubler, tmp_path / "log")
    assert service.request("GET", "/metrics", port=service.metrics_port)[0] == 200
    assert service.request("GET", "/v2/health/ready", port=service.metrics_port)[0] == 404
    assert service.stop() == 0


def test_a_model_that_fails_is_counted_as_its_own_fault_and_told_once_a_minute(tmp_path: Path) -> None:
    """ONNX Runtime logs in colour by itself; what a client provokes must not fill the log."""
    model = onnx_models.two_inputs(tmp_path / "two.onnx")
    service = Service(model, tmp_path / "log")
    inputs = service.get("/v2/models/two")[1]["inputs"]
    before = service.log()
    rows = [spec | {"shape": [2 + i], "data": [1.0] * (2 + i)} for i, spec in enumerate(inputs)]
    for _ in range(3):
        assert service.request("POST", "/v2/models/two/infer", json.dumps({"inputs": rows}).encode())[0] == 400
    assert service.request("POST", "/v2/models/two/infer", b"{}")[0] == 400
    metrics = service.request("GET", "/metrics", port=service.metrics_port)[2].decode()
    counted = dict(re.findall(r'^edge_inference_requests_total\{.*outcome="(\w+)".*\} (\S+)$', metrics, re.M))
    assert (counted["failed"], counted["invalid"]) == ("3.0", "1.0")
    (line,) = service.log()[len(before) :].splitlines()
    message = json.loads(line)["message"]
    assert message.startswith("the model failed: the model refuses these inputs: ") and "while running" in message
    assert service.stop() == 0


BAD_STARTS = [
    pytest.param(["--threa", "1"], {}, "--threa", id="cut-off-flag"),
    pytest.param(["--max-handlers", "16", "--max-slow-bodies", "16"], {}, "max_slow_bodies", id="no-handler-left"),
    pytest.param(["--max-total-body-bytes", "20000000"], {}, "max_total_body_bytes", id="less-than-two-bodies"),
    pytest.param(["--threads", "x"], {}, "whole number", id="bad-flag"),
    pytest.param([], {"EDGE_TREADS": "2"}, "EDGE_TREADS", id="unknown-variable"),
    pytest.param([], {"EDGE_THREADS": "-1"}, "EDGE_THREADS='-1'", id="out-of-range"),
]


@pytest.mark.parametrize(("flags", "env", "text"), BAD_STARTS)
def test_a_bad_setting_is_one_line_and_2(doubler: Path, flags: list[str], env: dict[str, str], text: str) -> None:
    one_line_and_2(run(doubler, *flags, **env), text)


def one_line_and_2(done: subprocess.CompletedProcess[str], text: str) -> None:
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert (done.returncode, len(lines)) == (2, 1), done.stderr
    assert lines[0].startswith("edge-inference: ") and text in lines[0]


def test_a_broken_bundle_is_one_line_and_2(tmp_path: Path) -> None:
    good = bundle(tmp_path / "good")
    flags = ("--port", "0", "--metrics-port", "0")
    one_line_and_2(run(tmp_path / "none", *flags), "found nothing there")
    one_line_and_2(run(tmp_path, *flags), "model.toml")
    flipped = shutil.copytree(good, tmp_path / "flipped")
    data = bytearray((flipped / "model.onnx").read_bytes())
    data[-1] ^= 1
    (flipped / "model.onnx").write_bytes(data)
    one_line_and_2(run(flipped, *flags), "file.sha256: want ")
    (tmp_path / "text.onnx").write_text("not a graph")
    one_line_and_2(run(tmp_path / "text.onnx", *flags), "cannot load it")
    one_line_and_2(run(onnx_models.doubler(tmp_path / "far.onnx", opset=99), *flags), "far.onnx")


def test_a_taken_port_is_one_line_and_2(doubler: Path, tmp_path: Path) -> None:
    service = Service(doubler, tmp_path / "log")
    taken = run(doubler, "--host", "127.0.0.1", "--port", str(service.port), "--metrics-port", "0")
    one_line_and_2(taken, f"127.0.0.1:{service.port}")
    assert service.stop() == 0


def test_a_full_queue_is_429_and_a_passed_deadline_504(tmp_path: Path) -> None:
    model = onnx_models.slow(tmp_path / "slow.onnx")
    service = Service(model, tmp_path / "log", "--max-in-flight", "1", "--max-queue", "1", "--queue-wait-ms", "60000")
    spec = service.get("/v2/models/slow")[1]["inputs"][0]
    long = json.dumps({"inputs": [spec | {"shape": [1], "data": [4000]}]}).encode()
    path = "/v2/models/slow/infer"
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(service.request("POST", path, long)[0])) for _ in range(2)
    ]
    threads[0].start()
    until(lambda: 'in_flight{model="slow",version="1"} 1.0' in service.metrics(), "one runs")
    late = service.request("POST", path, long, {"X-Request-Timeout-Ms": "30"})
    assert late[0] == 504
    threads[1].start()
    until(lambda: 'queue_length{model="slow",version="1"} 1.0' in service.metrics(), "one waits")
    status, headers, _ = service.request("POST", path, long)
    assert (status, headers["retry-after"]) == (429, "1")
    for thread in threads:
        thread.join(30)
    assert answers == [200, 200]
    assert service.stop() == 0
