"""What the sink tests share: real events, a mosquitto of their own, certificates, a subscriber and a web server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge_camera.client import State
from edge_camera.events import Event, EventMaker, FrameInfo, new_id, timestamp
from edge_camera.metrics import CameraState
from live import until
from rtsp import free_port
from served import QuietHandler, serving

GATEWAY = "gw-1"
WALL = 1_700_000_000.0
PATIENCE_S = 20.0


def state_event(state: CameraState = CameraState.OK, camera: str = "dock-3") -> bytes:
    """An event of kind state."""
    return EventMaker(GATEWAY, camera, "belt-detector").camera_state(WALL, True, state).line()


def detection_event(number: int, camera: str = "dock-3", padding: int = 0) -> bytes:
    """An event of kind detection; `number` is its frame's."""
    return Event(
        id=new_id(WALL + number),
        gateway=GATEWAY,
        camera=camera,
        kind="detection",
        state=State.OK,
        captured_at=timestamp(WALL + number),
        clock_synced=True,
        age_ms=12.5,
        model="belt-detector" + "x" * padding,
        model_version="1.0.0",
        frame=FrameInfo(w=640, h=480, seq=number),
        answers=[],
        priority="low",
    ).line()


class Broker:
    """One mosquitto process on a port of its own. Skips the test when there is none on PATH."""

    def __init__(self, folder: Path, *lines: str, anonymous: bool = True) -> None:
        if (program := shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")) is None:
            pytest.skip("needs a broker: apt-get install mosquitto")
        self.port = free_port()
        self._program = program
        self._log, self._conf = folder / "mosquitto.log", folder / "mosquitto.conf"
        # As root it would become another user, who cannot read the test's files.
        text = [f"listener {self.port} 127.0.0.1", "user root", "log_dest stderr", "log_type all", *lines]
        self._conf.write_text("\n".join([*text, f"allow_anonymous {str(anonymous).lower()}"]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and return once it listens."""
        began = self.log().count(" running")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", self._conf], stderr=log, stdout=log)
        try:
            until(lambda: self.log().count(" running") > began, f"mosquitto runs: {self.log()}")
        except AssertionError:
            self.kill()
            raise

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """End it with SIGKILL; harmless when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Subscriber:
    """Gets everything below edge/, in order of arrival; a new one gets what is retained first."""

    def __init__(self, port: int, topic: str = "edge/#") -> None:
        self.got: list[MQTTMessage] = []
        self._port, self._topic = port, topic
        self._cond = threading.Condition()
        self._subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe

    def texts(self, topic: str) -> list[bytes]:
        """Payloads on one topic."""
        with self._cond:
            return [bytes(message.payload) for message in self.got if message.topic == topic]

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        with self._cond:
            assert self._cond.wait_for(condition, PATIENCE_S), (what, [(m.topic, m.payload[:80]) for m in self.got])

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._cond:
            self.got.append(message)
            self._cond.notify_all()

    def _on_subscribe(self, *_: object) -> None:
        with self._cond:
            self._subscribed = True
            self._cond.notify_all()

    def __enter__(self) -> Subscriber:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._client.subscribe(self._topic, qos=1)
        self.wait(lambda: self._subscribed, "subscribed")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: an authority, a server's for localhost and 127.0.0.1, a client's; and another authority."""

    ca: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]
    stranger: Path


def make_certificates(folder: Path) -> Certificates:
    """Make them with the openssl command; they hold for a day."""

    def openssl(*words: str | Path) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder, timeout=60)

    def authority(name: str) -> Path:
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        return folder / f"{name}.pem"

    def signed(name: str) -> tuple[Path, Path]:
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
        )  # fmt: skip
        names = folder / f"{name}.ext"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "1", "-out", f"{name}.pem", "-extfile", names,
        )  # fmt: skip
        return folder / f"{name}.pem", folder / f"{name}.key"

    return Certificates(authority("ca"), signed("server"), signed("client"), authority("stranger"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web server says; `raw` instead of HTTP, `hang` after it until the end of the test."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw: bytes | None = None
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One request it got."""

    path: str
    headers: dict[str, str]
    body: bytes
    peer: int


class WebServer(ThreadingHTTPServer):
    """A real HTTP server that answers as `answer` says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[Post] = []
        self.answer: Callable[[Post], Answer] = lambda _post: Answer()
        self.release = threading.Event()
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate: what some tests are about."""


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        post = Post(self.path, headers, body, self.client_address[1])
        self.server.posts.append(post)
        answer = self.server.answer(post)
        if answer.raw is None:
            self.send_response(answer.status)
            for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
        else:
            self.close_connection = True
            self.wfile.write(answer.raw)
        if answer.hang:
            self.server.release.wait(PATIENCE_S)


@contextmanager
def web_server(wrap: Callable[[Any], Any] | None = None) -> Iterator[WebServer]:
    """Run a WebServer for the length of a `with`; `wrap` puts TLS around its socket."""
    server = WebServer()
    if wrap is not None:
        server.socket, server.scheme = wrap(server.socket), "https"
    with serving(server, server.release):
        yield server
