"""Through the service: the request is the protocol's, and edge-inference really answers it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import onnx_models
from edge_common.tensors import TensorSpec
from edge_inference.jsonbody import JsonReader
from edge_inference.oip import Decoder
from edgectl.bundle.create import create_bundle
from edgectl.model.bench.cgroup import find, why_not
from edgectl.model.bench.wire import body_of
from edgectl_support import Run, X
from live import Service

pytestmark = pytest.mark.process

_SPECS = (TensorSpec("a", "FP32", (-1, 3)), TensorSpec("b", "BYTES", (-1,)), TensorSpec("c", "UINT8", (-1, -1)))


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 4), st.just(3)), elements=st.floats(-1e6, 1e6, width=32)),
    st.lists(st.text(max_size=8), max_size=4),
    arrays.arrays(np.uint8, st.tuples(st.integers(0, 4), st.integers(0, 4))),
)
def test_the_service_reads_what_is_sent(a: np.ndarray, b: list[str], c: np.ndarray) -> None:
    feed = {"a": a, "b": np.array(b, object), "c": c}
    body, json_bytes = body_of(_SPECS, feed)
    request = Decoder(_SPECS, [TensorSpec("y", "FP32", (-1,))], JsonReader(1 << 20)).decode(body, str(json_bytes))
    assert all(np.array_equal(request.inputs[name], array) for name, array in feed.items())
    assert [wanted.binary for wanted in request.outputs] == [True]


def test_through_the_service(tmp_path: Path, run: Run) -> None:
    limit = "all" if why_not(find()) else "0.5"
    options = ("--threads", "1", "--cpus", limit, "--seconds", "0.2", "--through-service", "--json")
    code, out, err = run("model", "bench", onnx_models.linear(tmp_path / "m.onnx"), *options)
    assert code == 0, err
    inside, service = json.loads(out)["rows"]
    assert (inside["way"], service["way"], service["threads"]) == ("process", "service", 1)
    assert service["p50_ms"] > inside["p50_ms"] > 0
    # A whole Python process, started and made ready, against a session.
    assert service["load_ms"] > inside["load_ms"]
    assert service["pss_mb"] > inside["pss_mb"]
    assert (service["throttled"] is None) == (limit == "all")


def test_a_service_that_runs_already(tmp_path: Path, run: Run) -> None:
    graph = onnx_models.linear(tmp_path / "m.onnx")
    bundle = create_bundle(graph, tmp_path / "m", name="m", version="2.0.0", inputs=[X]).directory
    service = Service(graph, tmp_path / "log")
    url = f"http://127.0.0.1:{service.port}"
    options = ("--threads", "1", "--cpus", "all", "--seconds", "0.1", "--service", url)
    try:
        code, out, err = run("model", "bench", bundle, *options, "--json")
        assert code == 0, err
        facts = json.loads(out)
        assert [(row["way"], row["threads"], row["load_ms"]) for row in facts["rows"]][1] == ("service", None, None)
        assert f"{url} serves version 1, and 2.0.0 is measured in process" in facts["notes"]
        code, out, err = run("model", "bench", onnx_models.doubler(tmp_path / "other.onnx"), *options)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "/v2/models/other: want 200, found 404" in err
    finally:
        service.process.terminate()
        service.process.wait(10)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not json", id="text"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b'{"name": "m", "versions": 7}', id="a number"),
        pytest.param(b'{"status": "ok"}', id="another API"),
    ],
)
def test_a_server_of_another_protocol_is_one_line(tmp_path: Path, run: Run, body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        options = ("--threads", "1", "--cpus", "all", "--seconds", "0.1", "--service", url)
        code, out, err = run("model", "bench", onnx_models.doubler(tmp_path / "m.onnx"), *options)
        server.shutdown()
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert f"{url}/v2/models/m: want the answer of an Open Inference Protocol server, found another: " in err


def test_a_service_that_refuses_is_one_line(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "edge-inference").write_text("#!/bin/sh\necho it cannot >&2; exit 2\n")
    (tmp_path / "bin" / "edge-inference").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    (tmp_path / "bin" / "python").symlink_to(Path("/proc/self/exe").resolve())
    from edgectl.model.bench.plan import Setup
    from edgectl.model.bench.service import through_service
    from edgectl.model.bench.target import open_target
    from edgectl.model.errors import ModelError

    target = open_target(onnx_models.linear(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match="edge-inference ended with exit code 2 it cannot"):
        through_service(target, Setup(1, None, None), None, 0.1)
    (tmp_path / "bin" / "edge-inference").unlink()
    with pytest.raises(ModelError, match="--through-service: want edge-inference beside edgectl, found none"):
        through_service(target, Setup(1, None, None), None, 0.1)
