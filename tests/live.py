"""A real edge-inference process on free ports, for tests that talk to it through a socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXECUTABLE = Path(sys.executable).parent / "edge-inference"
DEADLINE_S = 20.0


def clean_env(**extra: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("EDGE_")} | extra


def until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until `condition` gives something true, or fail with `what`."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)  # a poll's pace, not a synchronisation: the deadline decides
    raise AssertionError(f"not within {deadline_s} s: {what}")


class Service:
    """One process; `port` and `metrics_port` are read from its log."""

    def __init__(
        self, model: Path, log: Path, *flags: str, env: dict[str, str] | None = None, wait: bool = True
    ) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [EXECUTABLE, model, "--host", "127.0.0.1", "--port", "0", "--metrics-port", "0", *flags],
                stderr=stderr,
                env=env or clean_env(),
            )
        self.port, self.metrics_port = until(self._ports, f"listening: {self.log()}")
        if wait:
            until(lambda: self.get("/v2/health/ready")[0] == 200, f"ready: {self.log()}")

    def log(self) -> str:
        return self._log.read_text()

    def _ports(self) -> tuple[int, int] | None:
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log()}")
        for line in self.log().splitlines():
            if "listening on port" in line:
                words = json.loads(line)["message"].replace(",", "").split()
                return int(words[3]), int(words[-1])
        return None

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, port: int = 0
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on its own connection -> status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        status, _, body = self.request("GET", path)
        return status, json.loads(body)

    def metrics(self) -> str:
        return self.request("GET", "/metrics", port=self.metrics_port)[2].decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
