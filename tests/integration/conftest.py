"""What every integration test keeps to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from books import audited
from camera_support import ModelServer, model_server, write_clip
from live import until
from sink_support import Broker


@pytest.fixture(autouse=True)
def _audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever edge-camera a test starts: its events are valid, its frame accounting closes, and it does not stay."""
    folder: Path = tmp_path_factory.mktemp("reports")
    with audited(folder):
        yield


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "square.mp4", frames=30, fps=30)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def no_thread_stays() -> Iterator[None]:
    yield
    until(lambda: not [one for one in threading.enumerate() if "paho" in one.name], "paho's threads have ended")
