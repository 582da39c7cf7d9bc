"""What every integration test keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from books import audited


@pytest.fixture(autouse=True)
def _audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever edge-camera a test starts: its events are valid, its frame accounting closes, and it does not stay."""
    folder: Path = tmp_path_factory.mktemp("reports")
    with audited(folder):
        yield
