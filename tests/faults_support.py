"""What the fault tests share: an inference service with moods on bare sockets, and a running edge-camera."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import urllib3

from books import assert_books_close, assert_summaries_close, events_of, spools
from camera_support import HEADER, METADATA
from live import until

PROGRAM = str(Path(sys.executable).with_name("edge-camera"))
# Python, OpenCV and the config, on a machine with other work.
START_S = 60.0
Question = tuple[tuple[int, ...], bytes]
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_JSON_LENGTH = re.compile(rb"(?i)" + HEADER.encode() + rb": *(\d+)")


def _reply(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _good_reply() -> bytes:
    """One square, whatever the picture: from this service, "nothing seen" is never the truth."""
    arrays = {
        "boxes": ("FP32", np.array([[4, 4, 20, 20]], "<f4")),
        "scores": ("FP32", np.array([0.9], "<f4")),
        "classes": ("INT64", np.array([0], "<i8")),
    }
    outputs = [
        {"name": name, "datatype": kind, "shape": list(array.shape), "parameters": {"binary_data_size": array.nbytes}}
        for name, (kind, array) in arrays.items()
    ]
    head = json.dumps({"model_name": "square-detector", "model_version": "1.0.0", "outputs": outputs}).encode()
    return _reply(200, head + b"".join(array.tobytes() for _, array in arrays.values()), f"{HEADER}: {len(head)}")


_CANNED = {
    "ok": _good_reply(),
    "429": _reply(429, b'{"error": "every slot is taken", "code": "overloaded"}', "Retry-After: 1"),
    "503": _reply(503, b'{"error": "loading", "code": "not_ready"}', "Retry-After: 1"),
    "500": _reply(500, b'{"error": "internal error", "code": "internal"}'),
    "garbage": _reply(200, b"\x00\xff not JSON at all"),
    "html": _reply(200, b"<h1>Sign in</h1>", "Content-Type: text/html"),
}


class Standin:
    """An inference service on a real socket; `mood` names the behaviour for the question that comes as the n-th.

    Besides the canned replies: `slow` (good after `slow_s`), `reset` (TCP RST), `hangup` (FIN), `drip` (one header
    that never ends, a byte at a time) and `flood` (headers without end, as fast as they go). `kept` holds the
    questions when so asked: the tensor's shape and its bytes as they came.
    """

    def __init__(self, mood: Callable[[int, Question], str], slow_s: float = 2.0, keep: bool = False) -> None:
        self._mood, self._slow_s, self._keep = mood, slow_s, keep
        self.kept: list[Question] = []
        self.served: Counter[str] = Counter()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._links: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Take connections until `close`."""
        while not self._closing.is_set():
            with suppress(OSError):
                link, _ = self._listener.accept()
                self._links.add(link)
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def close(self) -> None:
        """End all connections and the listener."""
        self._closing.set()
        for each in [self._listener, *self._links]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self, link: socket.socket) -> None:
        with suppress(OSError), link, link.makefile("rb") as stream:
            while (head := _head(stream)) and not self._closing.is_set():
                if head.startswith(b"GET"):
                    link.sendall(_reply(200, json.dumps(METADATA).encode()))
                elif not self._answer(link, _question(head, stream.read(_number(_LENGTH, head)))):
                    break
        self._links.discard(link)

    def _answer(self, link: socket.socket, question: Question) -> bool:
        """Answer one question by the mood of the moment; return False when the connection is over."""
        with self._lock:
            mood = self._mood(self.served.total(), question)
            self.served[mood] += 1
            if self._keep:
                self.kept.append(question)
        if mood in _CANNED:
            link.sendall(_CANNED[mood])
            return True
        getattr(self, "_" + mood)(link)
        return mood == "slow"

    def _slow(self, link: socket.socket) -> None:
        self._closing.wait(self._slow_s)
        link.sendall(_CANNED["ok"])

    def _reset(self, link: socket.socket) -> None:
        # With nothing to linger for, closing sends RST.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _hangup(self, link: socket.socket) -> None:
        pass

    def _drip(self, link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        while not self._closing.wait(0.05):
            link.sendall(b"x")

    def _flood(self, link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self._closing.is_set():
            link.sendall(b"X-More: yes\r\n" * 100)


def _head(stream: BinaryIO) -> bytes:
    """Read a request's line and headers; empty at the connection's end."""
    head = b""
    while (line := stream.readline()) not in (b"\r\n", b""):
        head += line
    return head


def _number(pattern: re.Pattern[bytes], head: bytes) -> int:
    found = pattern.search(head)
    assert found is not None, head
    return int(found.group(1))


def _question(head: bytes, body: bytes) -> Question:
    length = _number(_JSON_LENGTH, head)
    return tuple(json.loads(body[:length])["inputs"][0]["shape"]), body[length:]


@contextmanager
def standin(mood: str | Callable[[int, Question], str] = "ok", **more: Any) -> Iterator[Standin]:
    """Run a Standin for the length of a `with`."""
    service = Standin((lambda _number, _question: mood) if isinstance(mood, str) else mood, **more)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.close()
        thread.join(5)


def config(inference: str, *cameras: str, deadline_ms: int = 1000, sinks: str = "stdout = true", more: str = "") -> str:
    """Return a config; each camera is the text of its table, `more` belongs to `[inference]`."""
    tables = "".join(f"[[camera]]\n{camera}\n" for camera in cameras)
    head = f'[inference]\nurl = "{inference}"\nmodel = "square-detector"\ndeadline_ms = {deadline_ms}\n{more}\n'
    return f"{head}{tables}[sinks]\n{sinks}\n"


def write_clip(path: Path, frames: int, fps: float, size: tuple[int, int] = (64, 48), value: int = 90) -> Path:
    """Write an mp4 of a scene that changes a little from frame to frame."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    assert writer.isOpened()
    for index in range(frames):
        picture = np.full((size[1], size[0], 3), value, np.uint8)
        picture[index % size[1]] = 200
        writer.write(picture)
    writer.release()
    return path


class Pod:
    """A running edge-camera; all it prints is read as it comes. Use it in a `with`, and `stop` it for its events."""

    def __init__(self, folder: Path, text: str, *flags: str, stdout: Any = subprocess.PIPE) -> None:
        self.config = folder / "cameras.toml"
        self.config.write_text(text)
        command = [PROGRAM, str(self.config), "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
        self.lines: list[bytes] = []
        self.log: list[str] = []
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in self._pipes()]
        for reader in self._readers:
            reader.start()
        self._http = urllib3.PoolManager(retries=False, timeout=10)
        try:
            words = until(self._listening, "it listens", START_S).replace(",", "").split()
        except BaseException:
            self.__exit__()
            raise
        self.page, self.metrics_port = int(words[3]), int(words[-1])

    def _pipes(self) -> list[tuple[Any, Callable[[bytes], None]]]:
        pipes: list[tuple[Any, Callable[[bytes], None]]] = [(self.process.stderr, self._note)]
        return pipes + ([(self.process.stdout, self.lines.append)] if self.process.stdout else [])

    def _read(self, pipe: Any, take: Callable[[bytes], None]) -> None:
        with pipe:
            for line in pipe:
                take(line)

    def _note(self, line: bytes) -> None:
        self.log.append(json.loads(line)["message"] if line.startswith(b"{") else line.decode())

    def _listening(self) -> str | None:
        assert self.process.poll() is None, self.log
        return next((line for line in self.log if line.startswith("page on port")), None)

    def get(self, path: str, port: int = 0) -> bytes:
        """GET a path of the page's port, or of another."""
        reply = self._http.request("GET", f"http://127.0.0.1:{port or self.page}{path}")
        assert reply.status == 200, (path, reply.status)
        return reply.data

    def metrics(self) -> str:
        """Return the text of /metrics."""
        return self.get("/metrics", self.metrics_port).decode()

    def sample(self, name: str, **labels: str) -> float:
        """Return one sample's value."""
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in self.metrics().splitlines():
            series, _, value = line.rpartition(" ")
            found, _, inside = series.partition("{")
            if found == name and wanted <= set(inside.rstrip("}").split(",")):
                return float(value)
        raise AssertionError(f"no {name} {labels}")

    def camera(self, name: str) -> dict[str, Any]:
        """Return one camera's part of /status."""
        cameras: list[dict[str, Any]] = json.loads(self.get("/status"))["cameras"]
        return next(camera for camera in cameras if camera["name"] == name)

    def state(self, name: str) -> str:
        """Return one camera's state."""
        return str(self.camera(name)["state"])

    def events(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the events printed so far that have these values; `stop` checks them all."""
        return [event for event in map(json.loads, self.lines.copy()) if wanted.items() <= event.items()]

    def resident_mb(self) -> float:
        """Return the process's resident memory in MiB, its children's not included."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def wait_ended(self, *cameras: str, deadline_s: float = 30.0) -> None:
        """Wait until these files are at their end and their last summaries are out; then the books close exactly."""
        until(
            lambda: {event["camera"] for event in self.events(kind="summary")} >= set(cameras),
            f"the end of {cameras}: {self.log[-3:]}", deadline_s,
        )  # fmt: skip
        assert_books_close(self.metrics())

    def stop(self) -> list[dict[str, Any]]:
        """Stop it in order; return all events, from which the books of every camera close, too."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        for reader in self._readers:
            reader.join(10)
        assert self.process.returncode == 0, self.log
        events = events_of(self.lines, once=not spools(self.config))
        assert_summaries_close(events)
        return events

    def __enter__(self) -> Pod:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.clear()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for reader in self._readers:
            reader.join(10)


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return float(np.percentile(values, 95))


def elapsed_s(since: float) -> float:
    """Seconds since a moment of the monotonic clock."""
    return time.monotonic() - since
