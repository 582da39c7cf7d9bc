"""Runs inside a pod: closed-loop clients of one inference service, told on stdout second by second.

Only Python and the service's own libraries, since it runs in the model's image. Arguments: URL, bundle, number of
clients. Each line is JSON: seconds since the start, answers by version, failures by kind, times in ms, and how often
each client saw another version than in its answer before.
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
            times = sorted(self.times)
            out = {
                "at_s": round(at_s, 1), "answers": dict(self.answers), "failures": dict(self.failures),
                "changes": list(self.changes),
                "p50_ms": times[len(times) // 2] if times else None,
                "p99_ms": times[int(len(times) * 0.99)] if times else None, "max_ms": times[-1] if times else None,
            }  # fmt: skip
            self._begin()
        return json.dumps(out)


def client(number: int, url: str, bundle: Bundle, seen: Seen) -> None:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    # A new pod is not known to the policies at once.
    connect(connection, TIMEOUT_S)
    types = tensor_types(get_json(connection, f"/v2/models/{bundle.name}"))
    head, tails = encode_request(load_all(bundle)[0], types)
    body = b"".join([head, *map(bytes, tails)])
    headers = {"Content-Type": "application/octet-stream", HEADER: str(len(head))}
    while True:
        if number % 2:
            time.sleep(PAUSE_S)
        begun = time.perf_counter()
        try:
            connection.request("POST", f"/v2/models/{bundle.name}/infer", body, headers)
            reply = connection.getresponse()
            answer = reply.read()
            if reply.status == 200:
                version, _ = decode_reply(answer, reply.getheader(HEADER))
                seen.answer(number, version, round((time.perf_counter() - begun) * 1000, 2))
            else:
                seen.failure(f"{reply.status} {answer[:120].decode('utf-8', 'replace')}")
                time.sleep(0.05)
        except (OSError, http.client.HTTPException) as exc:
            seen.failure(repr(exc)[:120])
            connection.close()
            time.sleep(0.05)


def main(url: str, path: str, count: str) -> None:
    bundle, seen, begun = read_bundle(Path(path)), Seen(int(count)), time.monotonic()
    for number in range(int(count)):
        threading.Thread(target=client, args=(number, url, bundle, seen), daemon=True).start()
    while True:
        time.sleep(1)
        print(seen.line(time.monotonic() - begun), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
