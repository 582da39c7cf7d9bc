"""The webhook sink against a real HTTP server with moods."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_camera.sinks.signature import signature_headers
from edge_camera.sinks.webhook import MAX_WAIT_S, WebhookSink
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.spool.outbox import Undeliverable, Unfinished
from edge_common.clock import SystemClock
from sink_support import Answer, Post, WebServer, detection_event, make_certificates, web_server
from spool_support import FakeClock

EVENTS = [detection_event(number) for number in range(7)]


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


def sink_of(server: WebServer, clock: object = None, **keys: object) -> WebhookSink:
    config = WebhookConfig(**{"url": server.url + "/hook?site=7", "timeout_s": 5.0, **keys})  # type: ignore[arg-type]
    assert config.faults("sinks.webhook") == []
    return WebhookSink(config, clock or SystemClock())  # type: ignore[arg-type]


def seqs(post: Post) -> list[int]:
    return [event["frame"]["seq"] for event in json.loads(post.body)]


def test_events_are_one_array_on_one_connection(server: WebServer) -> None:
    sink = sink_of(server)
    sink.send_many(EVENTS)
    sink.send(EVENTS[0])
    sink.close()
    assert [seqs(post) for post in server.posts] == [[0, 1, 2, 3, 4, 5, 6], [0]]
    assert {(post.path, post.headers["content-type"]) for post in server.posts} == {
        ("/hook?site=7", "application/json")
    }
    assert len({post.peer for post in server.posts}) == 1
    assert not {"authorization", "x-edge-signature"} & server.posts[0].headers.keys()


def test_basic_and_bearer_are_read_anew_for_each_call(server: WebServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("gate:pä:ss\n")
    sink = sink_of(server, credentials=str(secret))
    sink.send(EVENTS[0])
    secret.write_text("gate:other")
    sink.send(EVENTS[0])
    sink.close()
    secret.write_text("abc.def-_~+/==\n")
    sink = sink_of(server, token=str(secret))
    sink.send(EVENTS[0])
    secret.unlink()
    with pytest.raises(OSError, match=f"token {secret}: No such file"):
        sink.send(EVENTS[0])
    sink.close()
    told = [post.headers["authorization"] for post in server.posts]
    assert base64.b64decode(told[0].removeprefix("Basic ")) == "gate:pä:ss".encode()
    assert base64.b64decode(told[1].removeprefix("Basic ")) == b"gate:other"
    assert told[2:] == ["Bearer abc.def-_~+/=="]


def test_the_signature_covers_time_and_body(server: WebServer, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    sink = sink_of(server, FakeClock(), signing_key=str(key))
    sink.send_many(EVENTS)
    sink.close()
    post = server.posts[0]
    expected = signature_headers(b"0123456789abcdef0123456789abcdef", 1_700_000_000, post.body)
    assert expected == {
        "X-Edge-Timestamp": post.headers["x-edge-timestamp"],
        "X-Edge-Signature": post.headers["x-edge-signature"],
    }


def test_a_signature_that_openssl_made() -> None:
    # printf '1700000000.[{"id":1}]' | openssl dgst -sha256 -hmac 0123456789abcdef
    digest = "85bfc1a32321559c82c91071abc75365287611c7982527908f8800b95afcd8b0"
    assert signature_headers(b"0123456789abcdef", 1_700_000_000, b'[{"id":1}]') == {
        "X-Edge-Timestamp": "1700000000",
        "X-Edge-Signature": f"v1={digest}",
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(Answer(500, body=b"oh\nno \x1b[2J"), r"HTTP 500: oh\\nno \\x1b\[2J", id="500"),
        pytest.param(Answer(503), "HTTP 503", id="503"),
        pytest.param(Answer(408), "HTTP 408", id="408"),
        pytest.param(Answer(401), "HTTP 401", id="not let in"),
        pytest.param(Answer(404), "HTTP 404", id="not there yet"),
        pytest.param(Answer(302, (("Location", "http://elsewhere/"),)), "HTTP 302", id="redirect"),
        pytest.param(Answer(raw=b"\x00\xff garbage \r\n\r\n"), "BadStatusLine|ProtocolError", id="garbage"),
        pytest.param(Answer(raw=b""), "RemoteDisconnected|ProtocolError", id="hangs up"),
        pytest.param(Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "IncompleteRead", id="half"),
        pytest.param(Answer(raw=b"HTTP/1.1 200 OK\r\nX: ", hang=True), "imed out|in time", id="headers without end"),
        pytest.param(Answer(raw=b"", hang=True), "imed out|in time", id="says nothing"),
    ],
)
def test_what_is_tried_again(server: WebServer, answer: Answer, words: str) -> None:
    server.answer = lambda _post: answer
    sink = sink_of(server, timeout_s=0.4)
    began = time.monotonic()
    with pytest.raises(Unfinished, match=words) as failed:
        sink.send_many(EVENTS)
    assert time.monotonic() - began < 3, "bounded"
    assert (failed.value.done, failed.value.wait_s) == (0, 0)
    assert str(failed.value).isprintable()
    server.answer = lambda _post: Answer()
    sink.send_many(EVENTS)
    sink.close()
    assert seqs(server.posts[-1]) == list(range(7))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sink = WebhookSink(WebhookConfig(f"http://127.0.0.1:{port}/secret-in-path"), SystemClock())
    with pytest.raises(Unfinished, match="Connection refused") as failed:
        sink.send(EVENTS[0])
    assert "secret-in-path" not in str(failed.value)


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        pytest.param("7", 7.0, id="seconds"),
        pytest.param("86400", MAX_WAIT_S, id="a day is too long"),
        pytest.param("Fri, 31 Dec 2100 23:59:59 GMT", MAX_WAIT_S, id="a date"),
        pytest.param("Fri, 31 Dec 1999 23:59:59 GMT", 0.0, id="a date gone by"),
        pytest.param("soon", 0.0, id="garbage"),
        pytest.param("-5", 0.0, id="negative"),
    ],
)
def test_retry_after(server: WebServer, value: str, wait_s: float) -> None:
    server.answer = lambda _post: Answer(429, (("Retry-After", value),))
    clock = FakeClock()
    sink = sink_of(server, clock)
    with pytest.raises(Unfinished, match="HTTP 429") as failed:
        sink.send_many(EVENTS)
    assert failed.value.wait_s == wait_s
    if wait_s:
        clock.advance(wait_s - 1)
        with pytest.raises(Unfinished, match="pause of 1 s more") as failed:
            sink.send_many(EVENTS)
        assert failed.value.wait_s == pytest.approx(1.0)
        assert len(server.posts) == 1, "left alone meanwhile"
        clock.advance(1)
    server.answer = lambda _post: Answer(204)
    sink.send_many(EVENTS)
    sink.close()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_halving_finds_the_event_that_is_refused(server: WebServer, status: int) -> None:
    server.answer = lambda post: Answer(status if 5 in seqs(post) else 200, body=b"not that one")
    sink = sink_of(server)
    with pytest.raises(Undeliverable, match=f"HTTP {status}: not that one") as refused:
        sink.send_many(EVENTS)
    assert refused.value.done == 5
    sink.send_many(EVENTS[6:])
    sink.close()
    taken = [seq for post in server.posts if 5 not in seqs(post) for seq in seqs(post)]
    assert taken == [0, 1, 2, 3, 4, 6], "the others, in order, each once"


def test_a_receiver_that_takes_two_at_a_time(server: WebServer) -> None:
    server.answer = lambda post: Answer(413 if len(seqs(post)) > 2 else 200)
    sink = sink_of(server)
    sink.send_many(EVENTS)
    sink.close()
    assert [seq for post in server.posts if len(seqs(post)) <= 2 for seq in seqs(post)] == list(range(7))


def test_a_failure_halfway_tells_what_was_taken(server: WebServer) -> None:
    server.answer = lambda post: Answer(413 if len(seqs(post)) > 3 else 500 if 6 in seqs(post) else 200)
    sink = sink_of(server)
    with pytest.raises(Unfinished, match="HTTP 500") as failed:
        sink.send_many(EVENTS)
    sink.close()
    assert failed.value.done == 6


def test_a_long_answer_is_not_read_to_its_end(server: WebServer) -> None:
    server.answer = lambda _post: Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000, hang=True
    )
    sink = sink_of(server)
    sink.send_many(EVENTS)
    sink.close()


def test_tls_is_checked_against_ca_and_name(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.server)
    context.load_verify_locations(made.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with web_server(lambda sock: context.wrap_socket(sock, server_side=True)) as server:
        cert, key = map(str, made.client)
        sink = sink_of(server, ca=str(made.ca), cert=cert, key=key)
        sink.send_many(EVENTS)
        sink.close()
        assert seqs(server.posts[0]) == list(range(7))
        sink = sink_of(server, ca=str(made.stranger), cert=cert, key=key)
        with pytest.raises(Unfinished, match=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
            sink.send_many(EVENTS)
        sink = sink_of(server, ca=str(made.ca))
        with pytest.raises(Unfinished):
            sink.send_many(EVENTS)
        sink.close()
        assert len(server.posts) == 1
