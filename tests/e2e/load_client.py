"""Runs inside a pod: closed-loop clients of one inference service, told on stdout second by second.

Only Python and the service's own libraries, since it runs in the model's image. Arguments: URL, bundle, number of
clients. Each line is JSON: seconds since the start, how many clients have had an answer, answers by version, failures
by kind, the answers' times in ms, and how often each client saw another version than in its answer before.
"""

from __future__ import annotations

import collections
import http.client
import json
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from edge_common.bundle import Bundle, read_bundle
from edge_common.golden import load_all
from edge_inference.ask import HEADER, connect, decode_reply, encode_request, get_json, tensor_types

# Every other client pauses: one that waits on a kept-alive connection must not be caught by a pod that leaves.
PAUSE_S = 0.05
TIMEOUT_S = 10.0


class Seen:
    """What all clients saw since the last line."""

    def __init__(self, clients: int) -> None:
        self.lock = threading.Lock()
        self.last: dict[int, str] = {}
        self.changes = [0] * clients
        self._begin()

    def _begin(self) -> None:
        self.answers: collections.Counter[str] = collections.Counter()
        self.failures: collections.Counter[str] = collections.Counter()
        self.times: list[float] = []

    def answer(self, client: int, version: str, took_ms: float) -> None:
        with self.lock:
            self.answers[version] += 1
            self.times.append(took_ms)
            self.changes[client] += self.last.setdefault(client, version) != version
            self.last[client] = version

    def failure(self, kind: str) -> None:
        with self.lock:
            self.failures[kind] += 1

    def line(self, at_s: float) -> str:
        with self.lock:
            out = {
                "at_s": round(at_s, 3), "at_work": len(self.last), "answers": dict(self.answers),
                "failures": dict(self.failures), "times_ms": self.times, "changes": list(self.changes),
            }  # fmt: skip
            self._begin()
        return json.dumps(out)


class Client:
    """Asks the same question for ever, on one connection while it lasts."""

    def __init__(self, number: int, url: str, bundle: Bundle, seen: Seen) -> None:
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self.number, self.seen = number, seen
        # A new pod is not known to the policies at once.
        connect(self.connection, TIMEOUT_S)
        types = tensor_types(get_json(self.connection, f"/v2/models/{bundle.name}"))
        head, tails = encode_request(load_all(bundle)[0], types)
        self.path = f"/v2/models/{bundle.name}/infer"
        self.body = b"".join([head, *map(bytes, tails)])
        self.headers = {"Content-Type": "application/octet-stream", HEADER: str(len(head))}

    def ask(self) -> None:
        begun = time.perf_counter()
        self.connection.request("POST", self.path, self.body, self.headers)
        reply = self.connection.getresponse()
        answer = reply.read()
        if reply.status != 200:
            raise http.client.HTTPException(f"{reply.status} {answer[:120].decode('utf-8', 'replace')}")
        version, _ = decode_reply(answer, reply.getheader(HEADER))
        self.seen.answer(self.number, version, round((time.perf_counter() - begun) * 1000, 1))

    def run(self) -> None:
        while True:
            if self.number % 2:
                time.sleep(PAUSE_S)
            try:
                self.ask()
            except (OSError, http.client.HTTPException) as exc:
                self.seen.failure(repr(exc)[:160])
                self.connection.close()
                time.sleep(PAUSE_S)


def main(url: str, path: str, count: str) -> None:
    bundle, seen, begun = read_bundle(Path(path)), Seen(int(count)), time.monotonic()

    def died(end: threading.ExceptHookArgs) -> None:
        seen.failure(f"a client died: {end.exc_value!r:.160}")

    threading.excepthook = died
    for number in range(int(count)):
        threading.Thread(target=lambda n: Client(n, url, bundle, seen).run(), args=(number,), daemon=True).start()
    while True:
        time.sleep(1)
        print(seen.line(time.monotonic() - begun), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
