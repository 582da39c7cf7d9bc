"""Debian's Prometheus with the arguments of the chart's container, on a free port and in a folder of the test's own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from helm_support import Manifest, main_pod
from live import until


@contextmanager
def prometheus(manifests: list[Manifest], folder: Path, config: dict[str, Any], port: int) -> Iterator[str]:
    """Run it until it is left; yields its URL. The database is `folder`/prometheus, and may have been there before.

    Raises:
        AssertionError: it ended, or was not ready in time.
    """
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on PATH; apt-get install prometheus")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    places = {"/etc/prometheus/": f"{folder}/", "=/prometheus": f"={folder}/prometheus", "=:9090": f"=127.0.0.1:{port}"}
    arguments = main_pod(manifests, "dock-prometheus")["containers"][0]["args"]
    for old, new in places.items():
        arguments = [each.replace(old, new) for each in arguments]
    log = folder / "prometheus.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen([program, *arguments], stderr=stderr, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _ready(url, process, log), "Prometheus is ready")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return urllib3.request("GET", f"{url}/-/ready", retries=False, timeout=1).status == 200
    except urllib3.exceptions.HTTPError:
        return False
