"""`edge-camera check`: the files it needs, and whether the inference service has the model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_camera.config import Candidate, Inference
from edge_camera.tools import check
from edge_camera.tools.models import ask_models
from edge_common.errors import StartError
from served import QuietHandler, serving


class _Models(ThreadingHTTPServer):
    """An inference service that has `names`; `status` is that of the readiness of one that it has."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.names: list[str] = ["belt-detector", "pump-failure"]
        self.status, self.unknown = 200, 404
        self.index = 200
        self.refuse = 0
        self.calls: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(QuietHandler):
    server: _Models

    def do_GET(self) -> None:
        self.server.calls.append(self.path)
        if self.server.refuse:
            # The connection ends without a word, as before a network policy knows the pod.
            self.server.refuse -= 1
            return
        name = self.path.removeprefix("/v2/models/").removesuffix("/ready")
        self._reply(self.server.status if name in self.server.names else self.server.unknown, {})

    def do_POST(self) -> None:
        assert self.path == "/v2/repository/index"
        self._reply(self.server.index, [{"name": name, "state": "READY"} for name in self.server.names])

    def _reply(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def server() -> Iterator[_Models]:
    server = _Models()
    with serving(server, threading.Event()):
        yield server


def _ask(url: str, model: str = "belt-detector", candidate: str | None = None) -> list[str]:
    other = None if candidate is None else Candidate(url=candidate)
    return ask_models(Inference(url=url, model=model, candidate=other), pauses_s=(0, 0))


def test_a_model_that_is_there_and_ready_needs_no_word(server: _Models) -> None:
    assert _ask(server.url) == []
    assert server.calls == ["/v2/models/belt-detector/ready"]


@pytest.mark.parametrize("unknown", [404, 400])
def test_a_server_without_the_model_is_a_fault_that_names_those_it_has(server: _Models, unknown: int) -> None:
    server.unknown = unknown
    with pytest.raises(StartError) as fault:
        _ask(server.url, "belt-detecor")
    wanted = f"want a model that {server.url} has: belt-detector, pump-failure"
    assert str(fault.value) == f"inference.model: {wanted}; found 'belt-detecor'"


def test_a_candidate_s_server_without_the_model_is_a_fault_of_its_url(server: _Models) -> None:
    other = _Models()
    other.names = ["else"]
    with (
        serving(other, threading.Event()),
        pytest.raises(StartError, match=r"^inference\.candidate\.url: .* has: else;"),
    ):
        _ask(server.url, candidate=other.url)


def test_something_else_at_that_address_is_a_fault(server: _Models) -> None:
    server.names, server.index = [], 404
    with pytest.raises(StartError) as fault:
        _ask(server.url)
    wanted = f"want an inference service with model belt-detector at {server.url}"
    assert str(fault.value) == f"inference.model: {wanted}, found HTTP 404"


def test_a_model_that_is_not_ready_is_a_warning(server: _Models) -> None:
    server.status = 503
    assert _ask(server.url) == [f"inference.model: belt-detector is not ready at {server.url} now: HTTP 503"]


def test_nobody_there_is_a_warning() -> None:
    with _Models() as gone:
        url = gone.url
    (line,) = _ask(url)
    assert line.startswith(f"inference.model: nothing is known of belt-detector: {url} cannot be asked now: ")
    assert "Connection refused" in line


def test_a_first_connection_that_fails_is_tried_again(server: _Models) -> None:
    server.refuse = 2
    assert _ask(server.url) == []
    assert len(server.calls) == 3


def test_the_command_warns_and_passes_or_fails(
    tmp_path: Path, server: _Models, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGE_GATEWAY", raising=False)
    path = tmp_path / "cameras.toml"

    def write(model: str) -> None:
        text = f'[inference]\nurl = "{server.url}"\nmodel = "{model}"\n[[camera]]\nname = "a"\nurl = "none.mp4"\n'
        path.write_text(text)

    write("belt-detector")
    server.status = 503
    assert check.run([str(path), "--ask-model"]) == 0
    warning, good = capsys.readouterr().out.splitlines()
    assert warning.startswith("warning: inference.model: belt-detector is not ready") and good.startswith("ok: ")
    write("belt")
    assert check.run([str(path)]) == 0, "not asked"
    with pytest.raises(StartError, match="found 'belt'"):
        check.run([str(path), "--ask-model"])


def test_a_file_that_is_needed_and_missing_is_told_by_what_it_is(tmp_path: Path) -> None:
    path, there = tmp_path / "cameras.toml", tmp_path / "there"
    path.write_text('[inference]\nurl = "http://h"\nmodel = "m"\n[[camera]]\nname = "a"\nurl = "none.mp4"\n')
    there.write_text("x")
    assert check.run([str(path), "--needs", f"{there}=key a of Secret s"]) == 0
    gone = tmp_path / "gone"
    with pytest.raises(StartError) as fault:
        check.run([str(path), "--needs", f"{there}=x", "--needs", f"{gone}=key b of Secret s", "--needs", f"{gone}=c"])
    assert str(fault.value) == "missing: key b of Secret s; c"


def test_a_need_without_words_is_a_wrong_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check.run([str(tmp_path / "c.toml"), "--needs", "file"])
    assert ended.value.code == 2 and "want FILE=WHAT" in capsys.readouterr().err
